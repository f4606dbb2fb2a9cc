"""What is said again at once: the same word groups within a few lines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from filters.text.ngrams import ngram_hashes, place_before
from filters.text.sentences import UNITS_PER_WORD

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

_GROUP_WORDS, _NEAR_WORDS = 6, 100
# In code points of a script without spaces: names of laws and techniques are long there.
_UNSPACED_GROUP = 18
# Shorter texts count as so long: two repeats are no habit.
_MIN_WORDS = 300


@dataclass(frozen=True, slots=True)
class LocalRepeatRule:
    """Groups of six words said again within 100 words, too often: `local_repeat`."""

    max_per_thousand: float
    """Most such repeats, per 1,000 words."""
    is_lasting = False
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the prose."""
        is_lost = text.measured(self, _per_thousand) > self.max_per_thousand
        return "local_repeat" if is_lost else None

    def strain(self, text: "JudgedText") -> float:
        """How many of the allowed repeats there are."""
        repeats = text.measured(self, _per_thousand)
        return min(1.0, repeats / self.max_per_thousand) if self.max_per_thousand else 0.0

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what follows may make them few."""


def _per_thousand(text: "JudgedText") -> float:
    """Count repeats per 1,000 words; one that is longer than a group counts once."""
    scale = UNITS_PER_WORD if text.is_unspaced else 1.0
    units = [unit for segment in text.loose_units for unit in segment]
    group = _UNSPACED_GROUP if text.is_unspaced else _GROUP_WORDS
    before = place_before(ngram_hashes(units, group))
    away = np.arange(len(before)) - before
    is_repeat = (before >= 0) & (away >= group) & (away <= round(_NEAR_WORDS * scale))
    places = np.flatnonzero(is_repeat)
    if not len(places):
        return 0.0
    number = 1 + int((np.diff(places) >= group).sum())
    return float(1000 * number / max(len(units) / scale, _MIN_WORDS))
