"""Sections in one form: clauses, questions and answers, days of a plan."""

import re

from filters.text.words import script_units

_OPENING = re.compile(
    r"^(?:#{1,6} .*|\*\*[^*\n]+\*\*:?\s*$|\d{1,3}[.)、] ?.*"
    r"|第[一二三四五六七八九十百零\d]{1,4}[条章节天周].*"
    r"|(?:article|section|clause|chapter|day|week|step|question|q)\b\.? ?\d*[:.)]?.*)",
    re.IGNORECASE | re.MULTILINE,
)
_MIN_SECTIONS = 4
_MIN_NEW_UNITS = 3
_MIN_SHARE = 0.75
_MAX_MEAN_UNITS = 120


def lead(text: str) -> str:
    """Return what stands before the first section."""
    first = _OPENING.search(text)
    return text[: first.start()] if first else text


def has_parallel_sections(text: str) -> bool:
    """Tell whether a text consists of short headed sections of which each brings something new."""
    starts = [match.start() for match in _OPENING.finditer(text)]
    if len(starts) < _MIN_SECTIONS:
        return False
    sections = [
        script_units(text[start:end])
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
    ]
    if sum(map(len, sections)) > _MAX_MEAN_UNITS * len(sections):
        return False
    seen = set(script_units(text[: starts[0]]))
    num_own = 0
    for units in sections:
        new = {unit for unit in units if not unit.isdigit()} - seen
        num_own += len(new) >= _MIN_NEW_UNITS
        seen |= new
    return num_own >= _MIN_SHARE * len(sections)
