"""Repeated n-grams: any at all (reference profiles), or their share of the text (default)."""

import re
from collections.abc import Iterator, Sequence

_ASCII_RUN_OR_CODE_POINT = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]", re.DOTALL)


def reference_qwen_units(text: str) -> list[str]:
    """Split into units: each non-ASCII code point, and each maximal run of ASCII.

    Source: Self-Lengthen, repetition check in `qwen/`, commit 004e880.
    """
    return _ASCII_RUN_OR_CODE_POINT.findall(text)


def reference_llama_units(text: str) -> list[str]:
    """Split on white space.

    Source: Self-Lengthen, repetition check in `llama/`, commit 004e880.
    """
    return text.split()


def ngram_hashes(units_N: Sequence[str], n: int) -> Iterator[int]:
    """Hash every n consecutive units: a set of numbers stays small and fast on a long text.

    Among a million n-grams, two different ones share a 64-bit hash with p < 1e-7.
    """
    return map(hash, zip(*(units_N[i:] for i in range(n)), strict=False))


def has_repeated_ngram(units_N: Sequence[str], n: int) -> bool:
    """Tell whether any n consecutive units occur twice, overlaps included."""
    seen = set()
    for ngram in ngram_hashes(units_N, n):
        if ngram in seen:
            return True
        seen.add(ngram)
    return False


def repeated_share(segments: Sequence[Sequence[str]], n: int) -> float:
    """Share of all units that lie in an n-gram that already occurred earlier.

    The first occurrence is not counted. N-grams do not span segments.
    """
    seen: set[int] = set()
    num_units = num_repeated = 0
    for units_N in segments:
        num_units += len(units_N)
        covered_until = 0
        for start, ngram in enumerate(ngram_hashes(units_N, n)):
            if ngram in seen:
                num_repeated += start + n - max(start, covered_until)
                covered_until = start + n
            else:
                seen.add(ngram)
    return num_repeated / num_units if num_units else 0.0
