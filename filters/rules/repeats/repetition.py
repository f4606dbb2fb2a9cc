"""Repetition: the share of a text that lies in n-grams that it said before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filters.text.sentences import UNITS_PER_WORD

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText


def ngram_hashes(units_N: Sequence[str], n: int) -> Iterator[int]:
    """Hash every n consecutive units: a set of numbers stays small and fast on a long text.

    Among a million n-grams, two different ones share a 64-bit hash with p < 1e-7.
    """
    return map(hash, zip(*(units_N[i:] for i in range(n)), strict=False))


def repeated_share(segments: Sequence[Sequence[str]], n: int) -> float:
    """Share of all units that lie in an n-gram that already occurred earlier.

    The first occurrence is not counted. N-grams do not span segments.
    """
    hashes = [ngram for units_N in segments for ngram in ngram_hashes(units_N, n)]
    if len(set(hashes)) == len(hashes):
        return 0.0
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
        return "repetition" if self._share(text) > self.max_share else None

    def strain(self, text: "JudgedText") -> float:
        """How much of the allowed share is used."""
        return min(1.0, self._share(text) / self.max_share) if self.max_share else 0.0

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what follows may make the share small."""

    def _share(self, text: "JudgedText") -> float:
        length = round(self.num_units * UNITS_PER_WORD) if text.is_unspaced else self.num_units
        return repeated_share(text.loose_units, length)
