"""Quotation marks that do not pair."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filters.text.sentences import paragraphs

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

_PAIRS = (("“", "”"), ("「", "」"), ("『", "』"), ("《", "》"))
# Inches and seconds.
_MEASURE = re.compile(r"\d\"|\\\"|``|''")
_INLINE_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True, slots=True)
class QuotationRule:
    """More paragraphs than allowed whose quotation marks do not pair: `unpaired_quotes`.

    Speech that goes on in the next paragraph opens there again, and is not closed before.
    """

    max_paragraphs: int
    is_lasting = False
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the paragraphs of the prose."""
        is_lost = num_unpaired("\n\n".join(text.prose)) > self.max_paragraphs
        return "unpaired_quotes" if is_lost else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: the next paragraph may go on with the speech."""


def num_unpaired(text: str) -> int:
    """Count the paragraphs with a mark that is not closed, or closes nothing."""
    parts = [_MEASURE.sub("", _INLINE_CODE.sub("", part)) for part in paragraphs(text)]
    following = [*(part.lstrip("*_> ")[:1] for part in parts[1:]), ""]
    return sum(map(_is_unpaired, parts, following))


def _is_unpaired(part: str, next_opens_with: str) -> bool:
    if part.count('"') % 2 and next_opens_with != '"':
        return True
    for opening, closing in _PAIRS:
        num_open = part.count(opening) - part.count(closing)
        if num_open < 0 or (num_open > 0 and next_opens_with != opening):
            return True
    return False
