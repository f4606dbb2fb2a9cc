"""Texts that end, and then go on: an early ending, or more endings than one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from filters.text.sentences import paragraphs
from filters.text.words import script_units

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

_ENDINGS = (
    r"in (?:conclusion|summary|closing)\b",
    r"in the end,",
    r"to (?:conclude|sum up|summari[sz]e)\b",
    r"(?:all in all|in a nutshell|overall|ultimately|in essence),",
    r"(?:and )?(?:so,? )?(?:that|this) is (?:the end of|how) (?:the|my|our|this) (?:story"
    r"|tale|essay)",
    r"(?:and )?the moral of (?:the|this|our) (?:story|tale)\b",
    r"as (?:we|i) (?:conclude|close|come to (?:the|an) end|wrap up)\b",
    r"(?:and )?they (?:all )?lived happily ever after\b",
    r"总之|综上所述|总而言之|总的来说|总的来看|一言以蔽之|结语|结束语",
)
_END_MARKS = (
    r"(?:the end|fin|finis|end of (?:the )?(?:story|essay|report|text)|完|全文完|全剧终|（完）)"
)
_ENDING = re.compile(rf"[\W_]*(?:{'|'.join(_ENDINGS)})", re.IGNORECASE)
_END_MARK = re.compile(rf"[\W_]*{_END_MARKS}[\W_]*", re.IGNORECASE)
_HEADING = re.compile(
    r"#{1,6}\s.*|\*\*[^*\n]+\*\*:?\s*|[A-Z0-9第一二三四][^.!?。！？\n]{0,60}", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class ClosureRule:
    """More text after an ending, or two endings: `early_ending`, `double_ending`."""

    min_units_after: int
    """So much text after an ending is no afterword, in script units."""
    min_share_after: float
    """Nor is such a share of the text."""
    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the paragraphs of the prose."""
        endings = list(find_endings("\n\n".join(text.prose)))
        for at, num_units in endings:
            if num_units - at > max(self.min_units_after, self.min_share_after * num_units):
                return "early_ending"
        return "double_ending" if len(endings) > 1 else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""


def is_ending(paragraph: str) -> bool:
    """Tell whether a paragraph ends a text, by its first words."""
    return bool(_END_MARK.fullmatch(paragraph) or _ENDING.match(paragraph))


def find_endings(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each ending paragraph ends, and how long the text is, in script units.

    A text under headings may conclude each of its parts, so there only an end mark is an ending.
    """
    parts = paragraphs(text)
    found = list(_ending_parts(parts))
    if not found:
        return
    ends = list(accumulate(len(script_units(part)) for part in parts))
    for number in found:
        yield ends[number], ends[-1]


def _ending_parts(parts: Sequence[str]) -> Iterator[int]:
    num_headings = 0
    for number, part in enumerate(parts):
        first_line = part.split("\n", 1)[0]
        num_headings += number > 0 and bool(_HEADING.fullmatch(first_line))
        if _END_MARK.fullmatch(part) or (not num_headings and _ENDING.match(part)):
            yield number
