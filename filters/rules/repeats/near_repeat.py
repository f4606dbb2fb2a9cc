"""Sentences and paragraphs that nearly say again what stands earlier in the text."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from filters.text.sentences import is_unspaced

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

# Shorter sentences may return: greetings, refrains of speech.
_MIN_SPACED, _MIN_UNSPACED = 9, 16
# A pair of units that more sentences share says nothing about which of them are alike; those that
# are share others too, so every second one is looked up.
_MAX_SENTENCES_OF_PAIR = 4


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
        repeats = self._most(text) > self.max_sentences
        return "near_repeat" if repeats else None

    def strain(self, text: "JudgedText") -> float:
        """How near the text is to the limit."""
        return min(1.0, self._most(text) / (self.max_sentences + 1))

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
    earlier: list[set[tuple[str, str]]] = []
    by_pair: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, units in enumerate(sentences):
        if len(units) < (_MIN_UNSPACED if units and is_unspaced(units[0]) else _MIN_SPACED):
            continue
        ordered = list(pairwise(units))
        pairs = set(ordered)
        likely = {number for pair in ordered[::2] for number in by_pair.get(pair, ())}
        if any(_similarity(pairs, earlier[number]) >= min_similarity for number in likely):
            yield place
        for pair in pairs:
            if len(by_pair[pair]) < _MAX_SENTENCES_OF_PAIR:
                by_pair[pair].append(len(earlier))
        earlier.append(pairs)


def similarity(some_units: Sequence[str], other_units: Sequence[str]) -> float:
    """Return the Jaccard similarity of the pairs of neighbouring units of two sentences."""
    some, others = set(pairwise(some_units)), set(pairwise(other_units))
    return _similarity(some, others) if some or others else 0.0


def _similarity(some: set[tuple[str, str]], others: set[tuple[str, str]]) -> float:
    both = len(some & others)
    return both / (len(some) + len(others) - both)
