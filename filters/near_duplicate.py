"""Near-duplicate instructions, by ROUGE-L over script units.

Two texts that are similar enough share many units, so they share some of the rarest few of either:
an index over those finds all that can be similar, and only they are compared (prefix filtering;
source: Chaudhuri, Ganti, Kaushik, "A primitive operator for similarity joins", ICDE 2006; with
several shared units: Wang, Li, Feng, "Can we beat the prefix filtering?", SIGMOD 2012).
"""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rapidfuzz import process
from rapidfuzz.distance import Indel

from filters.text.words import script_units

# Source: Self-Instruct (arXiv 2212.10560), section 2.2; exactly 0.7 is still accepted here.
MAX_SIMILARITY = 0.7

# So many rare units are looked for; more make the index larger and its answers fewer.
_SHARED_KEYS = 3
# What is rare is counted anew when the index has grown by this factor.
_REBUILD_GROWTH = 2
# A bound that floating point lifts above a whole number must not round up.
_ROUNDING = 1e-9
_Key = int
"""A unit's number and which of its occurrences in the text: two parts of one number."""
_OCCURRENCE_BITS = 12


class InstructionIndex:
    """The instructions accepted so far, to be compared with a new one.

    With L the longest common subsequence of two texts of a and b units, ROUGE-L F1 is
    2 L / (a + b), the normalized insertion-deletion similarity.
    """

    def __init__(
        self, instructions: Iterable[str] = (), *, min_similarity: float = MAX_SIMILARITY
    ) -> None:
        self._min_similarity = min_similarity
        self._numbers: dict[str, int] = {}
        # All units in one array, and where each text begins: an array each takes twice as much.
        self._units = _compact()
        self._starts = array("Q", [0])
        self._frequencies: Counter[_Key] = Counter()
        self._by_key: defaultdict[_Key, array[int]] = defaultdict(_compact)
        self._rebuilt_at = 0
        for instruction in instructions:
            self.add(instruction)

    def add(self, instruction: str) -> None:
        """Remember an instruction."""
        self._units.extend(self._number(script_units(instruction)))
        self._starts.append(len(self._units))
        if len(self) > _REBUILD_GROWTH * self._rebuilt_at:
            self._rebuild()
        else:
            self._file(len(self) - 1)

    def __len__(self) -> int:
        """Return how many instructions are remembered."""
        return len(self._starts) - 1

    def similarity(self, instruction: str) -> float:
        """Return the largest ROUGE-L F1 with a remembered instruction, 0.0 below the minimum."""
        units = self._number(script_units(instruction))
        shared: Counter[int] = Counter()
        for key in self._rarest_keys(units):
            shared.update(self._by_key.get(key, ()))
        enough = min(_SHARED_KEYS, self._min_shared(units))
        candidates = [number for number, num_keys in shared.items() if num_keys >= enough]
        best = process.extractOne(
            units,
            [self._text(number) for number in candidates],
            scorer=Indel.normalized_similarity,
            processor=None,
            score_cutoff=self._min_similarity,
        )
        return float(best[1]) if best else 0.0

    def _text(self, number: int) -> "array[int]":
        return self._units[self._starts[number] : self._starts[number + 1]]

    def _number(self, units: Sequence[str]) -> "array[int]":
        """Let numbers stand for units, which take less memory and are compared faster."""
        return _compact(self._numbers.setdefault(unit, len(self._numbers)) for unit in units)

    def _rebuild(self) -> None:
        self._rebuilt_at = len(self)
        self._frequencies = Counter(
            key for number in range(len(self)) for key in _keys(self._text(number))
        )
        self._by_key.clear()
        for number in range(len(self)):
            self._file(number)

    def _file(self, number: int) -> None:
        for key in self._rarest_keys(self._text(number)):
            self._by_key[key].append(number)

    def _rarest_keys(self, units: Sequence[int]) -> list[_Key]:
        """Return so many keys that a similar text must have one of them among its own.

        Any order of keys would do, as long as it is the same for all texts.
        """
        ordered = sorted(_keys(units), key=lambda key: (self._frequencies[key], key))
        return ordered[: len(units) - self._min_shared(units) + _SHARED_KEYS]

    def _min_shared(self, units: Sequence[int]) -> int:
        """Return how many units a similar text, which may be shorter or longer, shares at least."""
        share = self._min_similarity / (2 - self._min_similarity)
        return max(1, math.ceil(len(units) * share - _ROUNDING))


def _keys(units: Sequence[int]) -> list[_Key]:
    seen: Counter[int] = Counter()
    keys = []
    for unit in units:
        keys.append(unit << _OCCURRENCE_BITS | min(seen[unit], (1 << _OCCURRENCE_BITS) - 1))
        seen[unit] += 1
    return keys


def _compact(values: Iterable[int] = ()) -> "array[int]":
    return array("I", values)
