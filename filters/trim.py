"""What follows the text: remarks behind a last thematic break, and the break itself."""

import re

from filters.rules.meta import is_closing_offer, opens_with_meta_talk
from filters.words import count_words

_THEMATIC_BREAK = re.compile(r"^[ ]{0,3}(?:-[ ]*){3,}$|^[ ]{0,3}(?:\*[ ]*){3,}$", re.MULTILINE)
# A last line that may yet become a break.
_UNFINISHED_BREAK = re.compile(r"[ ]{0,3}[-*][-* ]*")
MAX_REMARK_WORDS = 80
_MAX_COUNTED_CHARS = 2000


def trim_remarks(text: str) -> str:
    """Cut a trailing thematic break, with the assistant's remarks after it if there are some.

    A remark is at most `MAX_REMARK_WORDS` long and opens with meta talk or ends in an offer.
    """
    text = text.strip()
    last_break = _last_break(text)
    if last_break is None or not text[: last_break.start()].strip():
        return text
    tail = text[last_break.end() :].strip()
    return text[: last_break.start()].rstrip() if not tail or _is_remark(tail) else text


def settled(text: str) -> str:
    """Return the part of an unfinished text that no later trimming can remove."""
    last_line_at = text.rfind("\n") + 1
    if _UNFINISHED_BREAK.fullmatch(text, last_line_at):
        text = text[:last_line_at]
    last_break = _last_break(text)
    if last_break is None:
        return text
    # The beginning of the tail is enough to count, and its last word may be cut.
    beginning = text[last_break.end() : last_break.end() + _MAX_COUNTED_CHARS]
    if count_words(beginning) > MAX_REMARK_WORDS + 1:
        return text
    return text[: last_break.start()]


def _last_break(text: str) -> re.Match[str] | None:
    if "---" not in text and "***" not in text and "- -" not in text and "* *" not in text:
        return None
    return max(_THEMATIC_BREAK.finditer(text), key=re.Match.start, default=None)


def _is_remark(tail: str) -> bool:
    lines = [line for line in tail.splitlines() if line.strip()]
    opens = opens_with_meta_talk(lines[0]) or is_closing_offer(lines[0])
    return count_words(tail) <= MAX_REMARK_WORDS and (opens or is_closing_offer(lines[-1]))
