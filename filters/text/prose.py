"""The prose of a Markdown text: fenced code and tables are left out."""

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Block rules only. Indented code stays prose: stories and poems indent.
_BLOCKS = MarkdownIt("commonmark").enable("table").disable("code")
_BLOCKS.core.ruler.enableOnly(["normalize", "block"])
_MARKDOWN_LINE_BREAK = re.compile(r"\r\n?|\n")
MAY_BE_STRUCTURE = re.compile(r"```|~~~|\|")


@dataclass(frozen=True, slots=True)
class Structure:
    """A fenced code block or table: a range of lines."""

    kind: str
    """`fence` or `table`."""
    first_line: int
    end_line: int
    closed: bool
    """The fence has its closing line; a table never has one."""


def find_structures(text: str) -> list[Structure]:
    """Find fenced code blocks and tables, in order. Lines are counted from 0, the end excluded."""
    if not MAY_BE_STRUCTURE.search(text):
        return []
    lines = _MARKDOWN_LINE_BREAK.split(text)
    return [
        Structure(
            token.type.removesuffix("_open"), token.map[0], token.map[1], _is_closed(token, lines)
        )
        for token in _BLOCKS.parse(text)
        if token.type in ("fence", "table_open") and token.map
    ]


def _is_closed(token: Token, lines: list[str]) -> bool:
    assert token.map
    first_line, end_line = token.map
    if token.type != "fence" or end_line - first_line < 2:
        return False
    last_line = lines[end_line - 1].strip("> \t")
    return last_line.startswith(token.markup) and not last_line.strip(token.markup[0])


def prose_segments(text: str) -> list[str]:
    """Return the stretches of text between code blocks and tables, without empty ones.

    The head of a table counts as prose: until its second line is there, it is.
    """
    structures = find_structures(text)
    if not structures:
        return [text] if text.strip() else []
    lines = _MARKDOWN_LINE_BREAK.split(text)
    segments, start = [], 0
    for structure in structures:
        num_head_lines = 1 if structure.kind == "table" else 0
        segments.append("\n".join(lines[start : structure.first_line + num_head_lines]))
        start = max(start, structure.end_line)
    segments.append("\n".join(lines[start:]))
    return [segment for segment in segments if segment.strip()]


def last_structure(text: str) -> Structure | None:
    """Return the structure that the text ends in, if it does."""
    structures = find_structures(text)
    num_lines = len(_MARKDOWN_LINE_BREAK.split(text.rstrip()))
    return structures[-1] if structures and structures[-1].end_line >= num_lines else None


def ends_in_complete_structure(text: str) -> bool:
    """Tell whether the text ends in a closed fence or in a table row."""
    structure = last_structure(text)
    return structure is not None and (structure.closed or _ends_in_row(structure, text))


def _ends_in_row(structure: Structure, text: str) -> bool:
    return structure.kind == "table" and "|" in text.rstrip().rpartition("\n")[2]


def is_inside_structure(text: str) -> bool:
    """Tell whether text that follows directly would go on with an open fence or a table."""
    structure = last_structure(text)
    return structure is not None and not structure.closed
