"""What follows the text: a last remark, a thematic break before it, a quotation mark too many."""

import re

from filters.rules.meta import is_closing_offer, opens_with_meta_talk
from filters.text.words import count_words

# What ends a text: a thematic break, or a line that says so.
_BREAK = re.compile(
    r"^[ ]{0,3}(?:-[ ]*){3,}$|^[ ]{0,3}(?:\*[ ]*){3,}$"
    r"|^[ *_#~—-]{0,6}(?P<end>the end|end of (?:the |this )?(?:story|essay|report|text)"
    r"|（?全文完）?|（完）|全剧终)[ .!。！*_~—-]{0,6}$",
    re.MULTILINE | re.IGNORECASE,
)
# A last line that may yet become a break.
_UNFINISHED_BREAK = re.compile(r"[ ]{0,3}[-*][-* ]*")
# What the assistant would still write: the text is only a part.
_PROMISES_MORE = re.compile(
    r"\b(?:proceed|continue)\b|\bpart (?:two|ii|2)\b|\bnext (?:part|chapter|section"
    r"|response)\b|下一|后续|继续",
    re.IGNORECASE,
)
# The first words of all remarks.
_REMARK_OPENING = re.compile(
    r"\W*(?:(?:sure|certainly|absolutely|of|okay|here|below|the|i|let|please|feel|would|is|note"
    r"|disclaimer|if|what|that|this|great|wonderful|revised|extended|expanded|rewritten|lengthened"
    r"|improved|updated|longer|sorry|unfortunately|apologies|as)\b"
    r"|[希但如若您你请还需要注备说好当没明以下这扩修改续根按我很抱对作])",
    re.IGNORECASE,
)
_MIN_OPENING_CHARS = 24
MAX_REMARK_WORDS = 80
_MAX_COUNTED_CHARS = 2000


def trim_remarks(text: str) -> str:
    """Cut the assistant's remarks and what follows "The End", or a last quotation mark too many.

    A remark stands after a thematic break, which goes with it, or is the last paragraph. It is at
    most `MAX_REMARK_WORDS` long, opens with meta talk or ends in an offer, and does not promise the
    rest of the text. So much behind "The End" is none of the text either.
    """
    text = text.strip()
    last_break = _last_break(text, 0, len(text))
    if last_break is not None and text[: last_break.start()].strip():
        tail = text[last_break.end() :].strip()
        if last_break["end"] and count_words(tail) <= MAX_REMARK_WORDS:
            return text[: last_break.end()]
        if not last_break["end"] and (not tail or _is_remark(tail)):
            return text[: last_break.start()].rstrip()
    return _without_stray_quote(_without_last_remark(text))


def _without_last_remark(text: str) -> str:
    """Cut a last paragraph of one line that is nothing but a remark."""
    before, blank_line, last = text.rpartition("\n\n")
    is_cut = blank_line and before.strip() and _may_be_remark(last) and _is_remark(last)
    return before.rstrip() if is_cut else text


def _without_stray_quote(text: str) -> str:
    """Cut a last quotation mark that closes nothing."""
    if not text.endswith('"') or text.rpartition("\n\n")[2].count('"') % 2 == 0:
        return text
    return text[:-1].rstrip()


class Settling:
    """Returns of a growing text the part that no later trimming can remove.

    It is shown the whole text every time, and looks for breaks in the new lines only.
    """

    def __init__(self) -> None:
        self._num_read = 0
        self._last_break: re.Match[str] | None = None

    def __call__(self, text: str) -> str:
        """Return that part of a text, which begins with the one shown before."""
        last_line_at = text.rfind("\n") + 1
        self._last_break = _last_break(text, self._num_read, last_line_at) or self._last_break
        self._num_read = last_line_at
        if _UNFINISHED_BREAK.fullmatch(text, last_line_at):
            text = text[:last_line_at]
        if self._last_break is None:
            return _before_last_paragraph(text)
        # The beginning of the tail is enough to count, and its last word may be cut.
        tail_at = self._last_break.end()
        if count_words(text[tail_at : tail_at + _MAX_COUNTED_CHARS]) > MAX_REMARK_WORDS + 1:
            return _before_last_paragraph(text)
        return text[: self._last_break.start()]


def _before_last_paragraph(text: str) -> str:
    """Return all but a last paragraph that may be a remark, and all but a last quotation mark."""
    before, blank_line, last = text.rpartition("\n\n")
    if blank_line and before.strip() and _may_be_remark(last):
        return before
    return text.rstrip().removesuffix('"')


def _may_be_remark(paragraph: str) -> bool:
    """Tell whether a paragraph, or what it grows into, can be a remark."""
    line = paragraph.strip()
    if "\n" in line or count_words(line[:_MAX_COUNTED_CHARS]) > MAX_REMARK_WORDS + 1:
        return False
    return len(line) < _MIN_OPENING_CHARS or bool(_REMARK_OPENING.match(line))


def _last_break(text: str, start: int, end: int) -> re.Match[str] | None:
    """Return the last thematic break in a range of whole lines."""
    return max(_BREAK.finditer(text, start, end), key=re.Match.start, default=None)


def _is_remark(tail: str) -> bool:
    lines = [line for line in tail.splitlines() if line.strip()]
    if not lines or _PROMISES_MORE.search(tail):
        return False
    opens = opens_with_meta_talk(lines[0]) or is_closing_offer(lines[0])
    return count_words(tail) <= MAX_REMARK_WORDS and (opens or is_closing_offer(lines[-1]))
