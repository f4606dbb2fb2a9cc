"""Does a text end where a writer would end it?"""

import unicodedata
from typing import TYPE_CHECKING

import regex

from filters.rules.ending_forms import ends_by_genre, is_cut
from filters.text.prose import ends_in_complete_structure

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

# Full stops of all scripts, and what ends informal texts.
_TERMINAL = regex.compile(r"[\p{Sentence_Terminal}\u0f0d\u0f0e…‥．～♪]")
# A last line that closes a block of code, or only opens one; a row of tildes may be an end mark.
_FENCE = regex.compile(r"[>\s]*```[^`]*")
_TAIL_CHARS = 4000
_CLOSING = frozenset("\"'”’»›」』)]}）】〕》〉*_~`>$")


def is_complete(text: str) -> bool:
    """Tell whether a text ends in a full stop, a closed structure, or as its genre does.

    Closing quotes, brackets, Markdown marks and emoji after the full stop are passed over.
    Comma, colon, semicolon and dash never end a text, nor does a block of code that is not closed.
    """
    whole, text = text, text[-_TAIL_CHARS:]
    if is_cut(text):
        return False
    if _FENCE.fullmatch(text.rstrip().rpartition("\n")[2]):
        return ends_in_complete_structure(whole)
    end = _before_closing(text)
    stops = bool(end) and bool(_TERMINAL.match(text[end - 1]))
    return stops or _ends_in_emoji(text) or ends_by_genre(text) or ends_in_complete_structure(whole)


def _before_closing(text: str) -> int:
    end = len(text)
    while end and _is_passed_over(text[end - 1]):
        end -= 1
    return end


def _is_passed_over(character: str) -> bool:
    return (
        character.isspace()
        or character in _CLOSING
        or unicodedata.category(character) in ("So", "Sk", "Cf", "Mn")
    )


def _ends_in_emoji(text: str) -> bool:
    last = text.rstrip().rstrip("\ufe0f\u200d")[-1:]
    return bool(last) and unicodedata.category(last) == "So" and len(text.split()) > 1


class EndingRule:
    """A text that ends in the middle: `incomplete_ending`."""

    is_lasting = False
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the end."""
        return None if is_complete(text) else "incomplete_ending"

    def sign(self, _known: "Circumstances") -> None:
        """Return none: more may follow."""
