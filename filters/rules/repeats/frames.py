"""Paraphrase loops: sentence after sentence in one frame, hardly anything new in any of them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filters.text.sentences import is_unspaced

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

# A frame is a sentence's first three words, about five code points of an unspaced script.
_SPACED_FRAME, _UNSPACED_FRAME = 3, 5
# Shorter sentences ("What a day!") have no frame.
_MIN_SPACED, _MIN_UNSPACED = 5, 9
# Shorter words are mostly articles, prepositions and pronouns.
_MIN_LETTERS = 4


@dataclass(frozen=True, slots=True)
class FrameRule:
    """Sentences of one frame that say little new: `frame_loop`."""

    min_sentences: int
    """So many of `window` sentences are a loop."""
    window: int
    max_new_share: float
    """Frames that bring more new words than this are a figure of speech."""
    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the sentences of the prose."""
        loops = self._loops(text.loose_sentences)
        return "frame_loop" if loops else None

    def strain(self, text: "JudgedText") -> float:
        """How near the text is to a loop: the largest number of sentences in one frame."""
        framed = [found for found in map(_frame, text.loose_sentences) if found]
        largest = max(
            (_largest(framed[i : i + self.window]) for i in range(len(framed))), default=0
        )
        return min(1.0, max(0, largest - 1) / (self.min_sentences - 1))

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""

    def _loops(self, sentences: Sequence[Sequence[str]]) -> bool:
        framed = [(frame, units) for units in sentences if (frame := _frame(units))]
        places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for place, (frame, _) in enumerate(framed):
            near = places[frame]
            near.append(place)
            while near[0] <= place - self.window:
                del near[0]
            if len(near) >= self.min_sentences:
                alike = [framed[other][1][len(frame) :] for other in near]
                if new_share(alike) < self.max_new_share:
                    return True
        return False


def _frame(units: Sequence[str]) -> tuple[str, ...] | None:
    if not units:
        return None
    if is_unspaced(units[0]):
        return tuple(units[:_UNSPACED_FRAME]) if len(units) >= _MIN_UNSPACED else None
    return tuple(units[:_SPACED_FRAME]) if len(units) >= _MIN_SPACED else None


def _largest(frames: Sequence[tuple[str, ...]]) -> int:
    return max(Counter(frames).values())


def new_share(sentences: Sequence[Sequence[str]]) -> float:
    """Share of units, from the second sentence on, that no earlier one has; short words aside."""
    first, *others = [[unit for unit in units if _says_something(unit)] for units in sentences]
    seen = set(first)
    num_new = num_units = 0
    for units in others:
        num_new += sum(unit not in seen for unit in units)
        num_units += len(units)
        seen.update(units)
    return num_new / num_units if num_units else 0.0


def _says_something(unit: str) -> bool:
    return len(unit) >= _MIN_LETTERS or is_unspaced(unit)
