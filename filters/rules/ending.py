"""Does a text end where a writer would end it?"""

import re
import unicodedata
from typing import TYPE_CHECKING

from filters.prose import ends_in_complete_structure

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text import JudgedText

_TERMINAL = frozenset(".!?。！？…‥．｡؟۔।")
_CLOSING = frozenset("\"'”’»›」』)]}）】〕》〉*_~`>")
# A story may close with its own mark, which needs no full stop.
_END_WORDS = r"(?:the end|end|fin|finis|完|全文完|全文完结|全文结束|全剧终|终)"
_END_MARK = re.compile(
    rf"(?:^|\n)[*_#\s—]*{_END_WORDS}[*_.!。！]*\Z|[(（[【]{_END_WORDS}[)）\]】]\Z", re.IGNORECASE
)
# A letter ends in its signature: a valediction on one of the last lines, names after it.
_VALEDICTION = re.compile(
    r"^\W*(?:"
    r"(?:(?:yours|very|most|with|kind(?:est)?|warm(?:est|ly)?|best|many|all|much|my|lots of) ?)*"
    r"(?:truly|sincerely|faithfully|cordially|respectfully|gratefully|regards|wishes|thanks|love"
    r"|gratitude|appreciation|affection|warmly|yours|best|cheers|thank you)(?: yours)?,"
    r"|此致|敬礼[！!]?|顺颂.{0,6}|敬上|谨上|祝好[！!]?)\s*$",
    re.IGNORECASE,
)
_MAX_END_MARK_CHARS = 60
_MAX_SIGNATURE_LINES = 5
_MAX_SIGNATURE_LINE_CHARS = 60


def is_complete(text: str) -> bool:
    """Tell whether a text ends in terminal punctuation, a closed structure or a signature.

    Closing quotes, brackets, Markdown marks and emoji after the punctuation are passed over.
    Comma, colon, semicolon and dash never end a text.
    """
    stripped = _strip_closing(text)
    return (
        (bool(stripped) and stripped[-1] in _TERMINAL)
        or bool(_END_MARK.search(text.rstrip()[-_MAX_END_MARK_CHARS:]))
        or _ends_in_signature(text)
        or ends_in_complete_structure(text)
    )


def _strip_closing(text: str) -> str:
    end = len(text)
    while end and _is_passed_over(text[end - 1]):
        end -= 1
    return text[:end]


def _is_passed_over(character: str) -> bool:
    return (
        character.isspace()
        or character in _CLOSING
        or unicodedata.category(character) in ("So", "Sk", "Cf", "Mn")
    )


def _ends_in_signature(text: str) -> bool:
    lines = [
        line for line in text.rstrip().splitlines()[-2 * _MAX_SIGNATURE_LINES :] if line.strip()
    ]
    for num_after, line in enumerate(reversed(lines[-_MAX_SIGNATURE_LINES:])):
        if len(line) > _MAX_SIGNATURE_LINE_CHARS:
            return False
        if _VALEDICTION.match(line):
            return num_after > 0 or line.strip().startswith(("敬礼", "祝好"))
    return False


class EndingRule:
    """A text that ends in the middle: `incomplete_ending`."""

    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the end."""
        return None if is_complete(text) else "incomplete_ending"

    def sign(self, _known: "Circumstances") -> None:
        """Return none: more may follow."""
