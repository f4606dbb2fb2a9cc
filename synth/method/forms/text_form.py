"""How a text is split, joined and thinned out around the Extender's two stages.

`DefaultForm` respects paragraphs, code fences and tables; `ReferenceForm` does as the reference.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from filters.rules.closure import is_ending
from filters.text.prose import find_structures, is_inside_structure
from filters.text.words import count_words
from synth.method.forms.seam import cut_repeats, restarts, shows_seam

_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
# Up to this many paragraphs, a text is split on single newlines instead.
# Source: Self-Lengthen, `extend_response`, commit 004e880.
_MAX_UNSPLIT_PARAGRAPHS = 2
_CONTINUES_LINE = re.compile(r"[\s,.;:!?)\]}，。；：！？、）】》”’]|[a-z]")
_CONTINUES_LIST_OR_TABLE = re.compile(r"\n[ \t]*(?:[-*+|>]|\d+[.)])")


@dataclass(frozen=True, slots=True)
class Spliced:
    """The head and stage 2, joined."""

    text: str
    at: int
    """Where stage 2 begins, in characters."""
    cut_words: int = 0
    """What stage 2 repeated of the head, and lost, in words."""
    restarts: bool = False
    """Stage 2 begins the text anew."""


class TextForm(Protocol):
    """The text operations of an extension."""

    def outline(self, text: str) -> str:
        """Return the part of a text that stage 1 is shown: the first half of its paragraphs."""

    def head(self, stage_1: str) -> str:
        """Return the part of stage 1 that stage 2 begins with: two thirds of its paragraphs."""

    def sure_head(self, stage_1: str) -> str:
        """Return what will be in the head of a text that goes on, whatever follows."""

    def shows_seam(self, head: str, stage_2: str) -> bool:
        """Tell whether no later text changes how a text that goes on is joined to the head."""

    def splice(self, head: str, stage_2: str) -> "Spliced":
        """Join the head and what stage 2 wrote after it."""

    def training_outline(self, text: str, keep_probability: float, rng: random.Random) -> str:
        """Thin a text out for an Extender row: every line stays with `keep_probability`."""


class DefaultForm:
    """Paragraphs stay whole, fences and tables too; nothing ever becomes empty."""

    def outline(self, text: str) -> str:
        """Return the first half of the paragraphs, at least one."""
        paragraphs = split_paragraphs(text)
        if len(paragraphs) <= _MAX_UNSPLIT_PARAGRAPHS:
            paragraphs = [line for paragraph in paragraphs for line in _split_lines(paragraph)]
        return "\n\n".join(paragraphs[: max(1, len(paragraphs) // 2)])

    def head(self, stage_1: str) -> str:
        """Return the first two thirds of the paragraphs, at least one, before any ending."""
        paragraphs = split_paragraphs(stage_1)
        return "\n\n".join(_unended(paragraphs[: max(1, 2 * len(paragraphs) // 3)]))

    def sure_head(self, stage_1: str) -> str:
        """Return the head of the complete paragraphs; one inside an open fence is not complete."""
        complete = stage_1[: stage_1.rfind("\n\n") + 1]
        paragraphs = split_paragraphs(complete)
        if is_inside_structure(complete):
            paragraphs.pop()
        return self.head("\n\n".join(paragraphs)) if paragraphs else ""

    def shows_seam(self, head: str, stage_2: str) -> bool:
        """Tell whether a sentence that stays is complete."""
        return shows_seam(head, stage_2)

    def splice(self, head: str, stage_2: str) -> Spliced:
        """Join, without what stage 2 repeats of the head at its beginning."""
        kept, cut = cut_repeats(head, stage_2)
        joined = self._join(head, kept)
        return Spliced(
            joined, len(joined) - len(kept.lstrip()), count_words(cut), restarts(head, kept)
        )

    def _join(self, head: str, stage_2: str) -> str:
        """Join, with a blank line where stage 2 starts a new paragraph without one."""
        if not head or not stage_2 or is_inside_structure(head):
            return head + stage_2
        if _BLANK_LINES.match(stage_2) or _CONTINUES_LIST_OR_TABLE.match(stage_2):
            return head + stage_2
        if stage_2.startswith("\n"):
            return f"{head}\n{stage_2}"
        return head + stage_2 if _CONTINUES_LINE.match(stage_2) else f"{head}\n\n{stage_2}"

    def training_outline(self, text: str, keep_probability: float, rng: random.Random) -> str:
        """Drop lines and join what is left as `outline` does; one line always stays."""
        paragraphs = [paragraph.split("\n") for paragraph in split_paragraphs(text)]
        thinned = [
            [line for line in lines if line.strip() and rng.random() < keep_probability]
            for lines in paragraphs
        ]
        kept = ["\n".join(lines) for lines in thinned if lines]
        return "\n\n".join(kept) if kept else rng.choice(_split_lines(text))


@dataclass(frozen=True, slots=True)
class ReferenceForm:
    """As the reference does it; `training_join` is the one thing its two copies differ in.

    Source: Self-Lengthen, `extend_response` and `mk_data`, commit 004e880.
    """

    training_join: str

    def outline(self, text: str) -> str:
        """Return the first half of the paragraphs, which may be none."""
        paragraphs = text.split("\n\n")
        if len(paragraphs) <= _MAX_UNSPLIT_PARAGRAPHS:
            paragraphs = text.split("\n")
        return "\n\n".join(paragraphs[: len(paragraphs) // 2])

    def head(self, stage_1: str) -> str:
        """Return the first two thirds of the paragraphs, which may be none."""
        paragraphs = stage_1.split("\n\n")
        return "\n\n".join(paragraphs[: 2 * len(paragraphs) // 3])

    def sure_head(self, stage_1: str) -> str:
        """Return the head of the complete paragraphs."""
        return self.head(stage_1[: max(0, stage_1.rfind("\n\n"))])

    def shows_seam(self, head: str, stage_2: str) -> bool:
        """Tell whether there is anything: nothing is cut."""
        return bool(stage_2)

    def splice(self, head: str, stage_2: str) -> Spliced:
        """Join without a separator."""
        return Spliced(head + stage_2, len(head))

    def training_outline(self, text: str, keep_probability: float, rng: random.Random) -> str:
        """Drop lines, empty ones included; the result may be empty."""
        lines = [line for line in text.split("\n") if rng.random() < keep_probability]
        return self.training_join.join(lines)


FORMS: dict[str, TextForm] = {
    "default": DefaultForm(),
    "reference-qwen": ReferenceForm(training_join="\n\n"),
    "reference-llama": ReferenceForm(training_join="\n"),
}


def _unended(paragraphs: list[str]) -> list[str]:
    """Return the paragraphs before the first that ends the text; the first one stays."""
    last = next((i for i, part in enumerate(paragraphs) if i and is_ending(part)), len(paragraphs))
    return paragraphs[:last]


def split_paragraphs(text: str) -> list[str]:
    """Split on blank lines, except those inside a code fence; an empty text has no paragraph."""
    parts = _BLANK_LINES.split(text.strip())
    if "```" not in text and "~~~" not in text:
        return [part for part in parts if part]
    fenced = _fenced_lines(text.strip())
    paragraphs: list[list[str]] = [[]]
    for number, line in enumerate(text.strip().split("\n")):
        if line.strip() or number in fenced:
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return ["\n".join(lines) for lines in paragraphs if lines]


def _fenced_lines(text: str) -> set[int]:
    fences = [structure for structure in find_structures(text) if structure.kind == "fence"]
    return {line for fence in fences for line in range(fence.first_line, fence.end_line)}


def _split_lines(text: str) -> Sequence[str]:
    return [line for line in text.split("\n") if line.strip()]
