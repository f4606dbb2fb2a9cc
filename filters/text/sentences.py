"""Sentences and paragraphs of prose, split well enough to be compared with one another."""

import re
from collections.abc import Sequence

from filters.text.words import UNSPACED_RANGES, script_units

_FIRST_UNSPACED = "\u0e00"
_UNSPACED = re.compile(rf"[{UNSPACED_RANGES}]")
UNITS_PER_WORD = 1.7
"""Code points of an unspaced script that say as much as one word."""
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_BOUNDARY = re.compile(r"[.!?…][\"'”’)\]*_]*\s+|[。！？…]+[”’」』）)]*|\n+")
_ITEM = re.compile(r"\A\s*(?:(?:[-*+•>|]|#{1,6}|[(（]?[a-z\d][)）])\s+|\d{1,3}[.)、]\s*)")
# A stanza: at least so many lines, none longer, and short on average, in script units.
_MIN_VERSE_LINES = 3
_MAX_VERSE_LINE_UNITS = 24
_MAX_MEAN_VERSE_LINE_UNITS = 14


def is_unspaced(unit: str) -> bool:
    """Tell whether a unit belongs to a script without spaces, where a word is about 1.7 units."""
    return unit >= _FIRST_UNSPACED and bool(_UNSPACED.match(unit))


def mostly_unspaced(units_N: Sequence[str]) -> bool:
    """Tell whether most units are code points of unspaced scripts.

    Shapes: N script units.
    """
    return 2 * sum(map(is_unspaced, units_N)) > len(units_N)


def paragraphs(text: str) -> list[str]:
    """Split on blank lines; no paragraph is empty."""
    return [part for part in _BLANK_LINES.split(text.strip()) if part.strip()]


def is_verse(paragraph: str) -> bool:
    """Tell whether a paragraph is a stanza: short lines, of which at most one is a list's item."""
    if paragraph.count("\n") < _MIN_VERSE_LINES - 1:
        return False
    lines = [line for line in paragraph.split("\n") if line.strip()]
    if len(lines) < _MIN_VERSE_LINES or sum(bool(_ITEM.match(line)) for line in lines) > 1:
        return False
    sizes = [len(script_units(line)) for line in lines]
    return max(sizes) <= _MAX_VERSE_LINE_UNITS and sum(sizes) <= _MAX_MEAN_VERSE_LINE_UNITS * len(
        lines
    )


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return begin and end of each sentence, its white space included; a line's end ends one."""
    ends = [match.end() for match in _BOUNDARY.finditer(text)]
    if not ends or ends[-1] < len(text):
        ends.append(len(text))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def sentences(paragraph: str) -> list[str]:
    """Split a paragraph into sentences; a line's end ends one, and items lose their marks."""
    parts = (paragraph[start:end] for start, end in sentence_spans(paragraph))
    return [bare for part in parts if (bare := _ITEM.sub("", part, count=1).strip())]
