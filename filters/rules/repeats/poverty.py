"""Stretches that say hardly anything new: few new word groups, or few different words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from filters.text.ngrams import is_first, ngram_hashes, place_before, unit_numbers
from filters.text.sentences import UNITS_PER_WORD, is_unspaced

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

_GROUP_WORDS = 3
# So far apart are the stretches whose vocabulary is counted, in units.
_VOCABULARY_STEP = 15


@dataclass(frozen=True, slots=True)
class PovertyRule:
    """A stretch of almost nothing new: `poor_stretch`."""

    stretch_words: int
    min_new_share: float
    """Smallest share of a stretch's word groups that the text has not said before."""
    min_vocabulary: float
    """Smallest share of different words in a stretch, in spaced scripts."""
    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge every stretch of the prose."""
        units = [unit for segment in text.loose_units for unit in segment]
        is_poor = text.measured(self, self._least_new_share) < self.min_new_share or (
            least_vocabulary(units, self.stretch_words) < self.min_vocabulary
        )
        return "poor_stretch" if is_poor else None

    def strain(self, text: "JudgedText") -> float:
        """How near the poorest stretch is to the limit."""
        return min(
            1.0, (1.0 - text.measured(self, self._least_new_share)) / (1.0 - self.min_new_share)
        )

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""

    def _least_new_share(self, text: "JudgedText") -> float:
        units = [unit for segment in text.loose_units for unit in segment]
        scale = UNITS_PER_WORD if text.is_unspaced else 1.0
        return least_new_share(
            units, round(self.stretch_words * scale), round(_GROUP_WORDS * scale)
        )


def least_new_share(units_N: Sequence[str], length: int, group: int) -> float:
    """Return the smallest share of new groups of units in any stretch; 1.0 for a shorter text.

    Shapes: N script units. Units: length and group in script units.
    """
    is_new = is_first(ngram_hashes(units_N, group))
    if len(is_new) < length:
        return 1.0
    sums = np.concatenate(([0], np.cumsum(is_new)))
    return float((sums[length:] - sums[:-length]).min()) / length


def least_vocabulary(units_N: Sequence[str], length: int) -> float:
    """Return the smallest share of different units in a stretch; 1.0 if there is none.

    Stretches of scripts without spaces, where few code points make many words, do not count.

    Shapes: N script units. Units: the length in script units.
    """
    if len(units_N) < length:
        return 1.0
    starts = np.arange(0, len(units_N) - length + 1, _VOCABULARY_STEP)
    before = _stretches(place_before(unit_numbers(units_N)), length)
    num_different = (before < starts[:, None]).sum(axis=1)
    unspaced = _stretches(np.fromiter(map(is_unspaced, units_N), np.bool_, len(units_N)), length)
    is_spaced = 2 * unspaced[:, ::10].sum(axis=1) <= unspaced[:, ::10].shape[1]
    return float(num_different[is_spaced].min(initial=length)) / length


def _stretches(values_N: NDArray[Any], length: int) -> NDArray[Any]:
    """Return every stretch whose vocabulary is counted, as a row."""
    return np.lib.stride_tricks.sliding_window_view(values_N, length)[::_VOCABULARY_STEP]
