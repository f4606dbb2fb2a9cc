"""Groups of neighbouring units as numbers: small and fast to compare, also in a long text."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

# Odd, and one more than an odd multiple of two: no group hides behind another order of its units.
_FACTOR = np.uint64(0x9E3779B97F4A7C17)


def unit_numbers(units_N: Collection[str]) -> Numbers:
    """Return the 64-bit hash of every unit; the same in one process.

    Shapes: N script units, N numbers.
    """
    numbers = np.fromiter(map(hash, units_N), np.int64, len(units_N))
    return numbers.view(np.uint64)


def group_numbers(numbers_N: Numbers, n: int) -> Numbers:
    """Hash every n consecutive numbers into one.

    Among a million groups, two different ones share a 64-bit hash with p < 1e-7.

    Shapes: N numbers, N - n + 1 numbers.
    """
    size = max(0, len(numbers_N) - n + 1)
    groups = np.zeros(size, np.uint64)
    for offset in range(n):
        groups *= _FACTOR
        groups += numbers_N[offset : offset + size]
    return groups


def ngram_hashes(units_N: Sequence[str], n: int) -> Numbers:
    """Hash every n consecutive units into one number.

    Shapes: N script units, N - n + 1 numbers.
    """
    return group_numbers(unit_numbers(units_N), n)


def is_first(numbers_N: Numbers) -> NDArray[np.bool_]:
    """Tell of every number whether it was not there before.

    Shapes: N numbers, N truth values.
    """
    first = np.zeros(len(numbers_N), np.bool_)
    first[np.unique(numbers_N, return_index=True)[1]] = True
    return first


def place_before(numbers_N: Numbers) -> NDArray[np.int64]:
    """Return where each number stood the last time before, or -1.

    Shapes: N numbers, N places.
    """
    order = np.argsort(numbers_N, kind="stable")
    is_same = numbers_N[order][1:] == numbers_N[order][:-1]
    before = np.full(len(numbers_N), -1)
    before[order[1:][is_same]] = order[:-1][is_same]
    return before
