"""The prompt in the answer: control tokens, fixed lines, runs of its words."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from filters.text.judged import JudgedText
from filters.text.words import script_units

if TYPE_CHECKING:
    from filters.rule import Circumstances, GrowingText, Sign

_CONTROL = re.compile(
    r"<[|｜][A-Za-z0-9_▁/]{2,40}[|｜]>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
)
"""Special tokens spelled out: ChatML, Llama 2 and 3, Gemma, DeepSeek."""
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_MAX_CONTROL_CHARS = 48
_RUN_UNITS = 7
"""So many units in a row, as the prompt has them, are no accident."""


class LeakRule:
    """A control token outside code, or a fixed line of the prompt: `prompt_leak`; a run of the
    prompt's words: `prompt_echo`."""

    is_lasting = True
    watches_drafts = False

    def judge(self, text: JudgedText, known: "Circumstances") -> str | None:
        """Judge the whole text."""
        prose = _INLINE_CODE.sub("", "\n\n".join(text.prose))
        if _CONTROL.search(prose) or any(line in text for line in known.prompt_lines):
            return "prompt_leak"
        return "prompt_echo" if _echoes(text.units, known.prompt_lines) else None

    def sign(self, known: "Circumstances") -> "Sign":
        """Return a fresh sign."""
        return LeakSign(self, known)


class LeakSign:
    """A control token or a line of the prompt; a run of its words is seen a paragraph later."""

    def __init__(self, rule: LeakRule, known: "Circumstances") -> None:
        self._rule = rule
        self._known = known
        self._overlap = max([_MAX_CONTROL_CHARS, *map(len, known.prompt_lines)])
        self._suspected_at: int | None = None

    def __call__(self, growing: "GrowingText") -> str | None:
        """Return `prompt_leak` or `prompt_echo`."""
        end = growing.text[-len(growing.delta) - self._overlap :]
        if _CONTROL.search(end) or any(line in end for line in self._known.prompt_lines):
            self._suspected_at = len(growing.text)
        settled = _without_open_code(growing.settled)
        if self._suspected_at is None or len(settled) < self._suspected_at:
            return None
        self._suspected_at = None
        return self._rule.judge(JudgedText(settled), self._known)


def _without_open_code(text: str) -> str:
    """Return the complete lines, where the last one may yet show that it is code."""
    before, line_break, last_line = text.rpartition("\n")
    return before + line_break if "`" in last_line else text


def _echoes(segments: Iterable[list[str]], prompt_lines: tuple[str, ...]) -> bool:
    """Tell whether a run of a prompt's units returns; its longest unit tells where to look."""
    runs = _runs(prompt_lines)
    return any(
        tuple(units[at - place : at - place + _RUN_UNITS]) == run
        for units in segments
        for at, unit in enumerate(units)
        if unit in runs
        for place, run in runs[unit]
        if at >= place
    )


@lru_cache(maxsize=8)
def _runs(lines: tuple[str, ...]) -> dict[str, list[tuple[int, tuple[str, ...]]]]:
    """Return the runs of the lines' units by their longest unit, each with its place there."""
    found: defaultdict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
    for units in map(script_units, lines):
        for start in range(len(units) - _RUN_UNITS + 1):
            run = tuple(units[start : start + _RUN_UNITS])
            longest = max(run, key=len)
            found[longest].append((run.index(longest), run))
    return dict(found)
