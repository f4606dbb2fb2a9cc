"""Sentences and paragraphs that nearly say again what stands earlier in the text."""

from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from filters.text.ngrams import group_numbers, unit_numbers
from filters.text.sentences import is_unspaced

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

# Shorter sentences may return: greetings, refrains of speech.
_MIN_SPACED, _MIN_UNSPACED = 9, 16
# A pair of units that more sentences share says nothing about which of them are alike; those that
# are share others too, so every second one is looked up, and one in common is chance.
_MAX_SENTENCES_OF_PAIR = 4
_MIN_SHARED_PAIRS = 2


@dataclass(frozen=True, slots=True)
class NearRepeatRule:
    """Too many sentences that nearly repeat an earlier one: `near_repeat`."""

    min_similarity: float
    """Jaccard similarity of the pairs of neighbouring units from which two sentences are alike."""
    max_sentences: int
    """Most such sentences in a stretch of `stretch_sentences`."""
    stretch_sentences: int
    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the sentences of the prose."""
        repeats = text.measured(self, self._most) > self.max_sentences
        return "near_repeat" if repeats else None

    def strain(self, text: "JudgedText") -> float:
        """How near the text is to the limit."""
        return min(1.0, text.measured(self, self._most) / (self.max_sentences + 1))

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""

    def _most(self, text: "JudgedText") -> int:
        places = list(near_repeats(text.loose_sentences, self.min_similarity))
        first = most = 0
        for last, place in enumerate(places):
            while place - places[first] >= self.stretch_sentences:
                first += 1
            most = max(most, last - first + 1)
        return most


def near_repeats(sentences: Sequence[Sequence[str]], min_similarity: float) -> Iterator[int]:
    """Yield the number of every long enough sentence that is like an earlier one."""
    places = [place for place, units in enumerate(sentences) if _is_long(units)]
    pairs = _Pairs([sentences[place] for place in places])
    found = -1
    for number, earlier in pairs.candidates():
        if number == found:
            continue
        if _similarity(set(pairs.of(number)), set(pairs.of(earlier))) >= min_similarity:
            found = number
            yield places[number]


def _is_long(units: Sequence[str]) -> bool:
    return len(units) >= (_MIN_UNSPACED if units and is_unspaced(units[0]) else _MIN_SPACED)


class _Pairs:
    """The pairs of neighbouring units of S sentences, P pairs in all, as numbers."""

    def __init__(self, sentences: Sequence[Sequence[str]]) -> None:
        sizes = np.fromiter(map(len, sentences), np.int64, len(sentences))
        numbers = unit_numbers([unit for units in sentences for unit in units])
        is_inside = np.ones(max(0, len(numbers) - 1), np.bool_)
        is_inside[np.cumsum(sizes)[:-1] - 1] = False
        self._pairs_P = group_numbers(numbers, 2)[is_inside]
        self._ends_S = np.cumsum(sizes - 1)
        self._starts_S = self._ends_S - (sizes - 1)
        self._owners_P = np.repeat(np.arange(len(sizes)), sizes - 1)

    def of(self, number: int) -> list[int]:
        """Return a sentence's pairs, in order."""
        found: list[int] = self._pairs_P[self._starts_S[number] : self._ends_S[number]].tolist()
        return found

    def candidates(self) -> Iterator[tuple[int, int]]:
        """Yield each sentence with the earlier ones that share enough pairs with it, in order."""
        different, kinds_P = np.unique(self._pairs_P, return_inverse=True)
        is_asked = (np.arange(len(kinds_P)) - self._starts_S[self._owners_P]) % 2 == 0
        asking = self._owners_P[is_asked][:, None]
        earlier = self._first_owners(kinds_P, len(different))[kinds_P[is_asked]]
        num_sentences = len(self._ends_S)
        both = (asking * num_sentences + earlier)[earlier < asking]
        codes, counts = np.unique(both, return_counts=True)
        for code in codes[counts >= _MIN_SHARED_PAIRS].tolist():
            yield divmod(code, num_sentences)

    def _first_owners(self, kinds_P: NDArray[np.int64], num_kinds: int) -> NDArray[np.int64]:
        """Return the first sentences that have each kind of pair, a row of a few for each."""
        order = np.argsort(kinds_P, kind="stable")
        kinds, owners = kinds_P[order], self._owners_P[order]
        is_new = np.ones(len(order), np.bool_)
        is_new[1:] = (kinds[1:] != kinds[:-1]) | (owners[1:] != owners[:-1])
        kinds, owners = kinds[is_new], owners[is_new]
        ranks = np.arange(len(kinds)) - np.searchsorted(kinds, kinds)
        is_kept = ranks < _MAX_SENTENCES_OF_PAIR
        first = np.full((num_kinds, _MAX_SENTENCES_OF_PAIR), len(self._ends_S))
        first[kinds[is_kept], ranks[is_kept]] = owners[is_kept]
        return first


def similarity(some_units: Sequence[str], other_units: Sequence[str]) -> float:
    """Return the Jaccard similarity of the pairs of neighbouring units of two sentences."""
    some, others = set(pairwise(some_units)), set(pairwise(other_units))
    return _similarity(some, others) if some or others else 0.0


def _similarity(some: Set[Hashable], others: Set[Hashable]) -> float:
    both = len(some & others)
    return both / (len(some) + len(others) - both)
