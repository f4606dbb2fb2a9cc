"""Repetition: the share of a text that lies in n-grams that it said before."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from filters.text.ngrams import is_first, ngram_hashes
from filters.text.sentences import UNITS_PER_WORD

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText


def repeated_share(segments: Sequence[Sequence[str]], n: int) -> float:
    """Share of all units that lie in an n-gram that already occurred earlier.

    The first occurrence is not counted. N-grams do not span segments.
    """
    num_units = sum(map(len, segments))
    if not num_units:
        return 0.0
    hashes = [ngram_hashes(units_N, n) for units_N in segments]
    offsets = accumulate(map(len, segments), initial=0)
    places = [np.arange(len(h)) + offset for h, offset in zip(hashes, offsets, strict=False)]
    repeated = np.concatenate(places)[~is_first(np.concatenate(hashes))]
    return _num_covered(repeated, n) / num_units


def _num_covered(starts_M: NDArray[np.int64], n: int) -> int:
    """Count the units in stretches of n from each of the starts, which are in order."""
    if not len(starts_M):
        return 0
    return int(np.minimum(np.diff(starts_M), n).sum()) + n


@dataclass(frozen=True, slots=True)
class RepetitionRule:
    """Too much of the prose said again: `repetition`."""

    num_units: int
    """Length of the n-grams, in words."""
    max_share: float
    is_lasting = False
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the prose."""
        return "repetition" if text.measured(self, self._share) > self.max_share else None

    def strain(self, text: "JudgedText") -> float:
        """How much of the allowed share is used."""
        return (
            min(1.0, text.measured(self, self._share) / self.max_share) if self.max_share else 0.0
        )

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what follows may make the share small."""

    def _share(self, text: "JudgedText") -> float:
        length = round(self.num_units * UNITS_PER_WORD) if text.is_unspaced else self.num_units
        return repeated_share(text.loose_units, length)
