"""The watch of the default profile: signs of a text that no continuation can save.

A sign reads a text as it grows, looks at the new piece cheaply, and before it speaks asks the same
rule as the filter about the part of the text that no later trimming removes.
"""

import re
from collections.abc import Callable, Sequence

from filters.language import drifting_stretch, script_names
from filters.loop import LoopBounds, ends_in_loop
from filters.meta import leaks_prompt, opens_with_meta_talk, opens_with_refusal
from filters.prose import MAY_BE_STRUCTURE
from filters.trim import settled
from filters.words import count_words, match_units, script_units

Sign = Callable[[str, str], str | None]
"""Is given the next piece and the text up to its end; returns a reason once the text is lost."""

# What a carriage return separates, Markdown reads as lines.
_MAY_NOT_BE_PROSE = re.compile(rf"{MAY_BE_STRUCTURE.pattern}|\r")
_MAX_CONTROL_CHARS = 48


class DefaultWatch:
    """Gives a growing text to all signs; the first that speaks gives the reason."""

    def __init__(self, signs: Sequence[Sign]) -> None:
        self._signs = signs
        self._text = ""

    def __call__(self, delta: str) -> str | None:
        """Return the reason once the text is lost."""
        self._text += delta
        return next((reason for sign in self._signs if (reason := sign(delta, self._text))), None)


class OpeningSign:
    """Meta talk or a refusal in the first line, judged when the line is complete."""

    def __init__(self) -> None:
        self._is_judged = False

    def __call__(self, _delta: str, text: str) -> str | None:
        """Return `meta_talk` or `refusal`."""
        if self._is_judged:
            return None
        first_line, line_break, _ = text.lstrip().partition("\n")
        if not line_break:
            return None
        self._is_judged = True
        if opens_with_refusal(first_line):
            return "refusal"
        return "meta_talk" if opens_with_meta_talk(first_line) else None


class LoopSign:
    """A loop at the end of the text, where models loop."""

    def __init__(self, bounds: LoopBounds) -> None:
        self._bounds = bounds
        self._unfinished = ""
        self._units: list[str] = []

    def __call__(self, delta: str, text: str) -> str | None:
        """Return `loop`."""
        self._read(delta)
        if not ends_in_loop(self._units, self._bounds):
            return None
        units = script_units(_prose_tail(text, self._bounds.longest_units))[1:-1]
        return "loop" if ends_in_loop(units, self._bounds) else None

    def _read(self, delta: str) -> None:
        """Take over all units but the last, which may still grow."""
        self._unfinished += delta.lower()
        if matches := match_units(self._unfinished):
            units = [match.group() for match in matches[:-1]]
            self._units = [*self._units, *units][-self._bounds.longest_units :]
            self._unfinished = self._unfinished[matches[-1].start() :]


class LanguageSign:
    """A stretch in another script than the instruction's, in lines that are sure to be prose."""

    def __init__(self, script: str, num_units: int, min_share: float) -> None:
        self._script = script
        self._num_units = num_units
        self._min_share = min_share
        self._names: list[str] = []
        self._num_read = 0
        self._may_not_be_prose = False
        self._drifted_at: int | None = None

    def __call__(self, _delta: str, text: str) -> str | None:
        """Return `language_drift`."""
        if self._drifted_at is None and not self._may_not_be_prose:
            self._read_lines(text)
        is_lost = self._drifted_at is not None and len(settled(text)) >= self._drifted_at
        return "language_drift" if is_lost else None

    def _read_lines(self, text: str) -> None:
        lines = text[self._num_read : text.rfind("\n") + 1]
        if mark := _MAY_NOT_BE_PROSE.search(lines):
            self._may_not_be_prose = True
            lines = lines[: lines.rfind("\n", 0, mark.start()) + 1]
        self._num_read += len(lines)
        self._names += script_names(lines)
        if drifting_stretch(self._names, self._script, self._num_units, self._min_share):
            self._drifted_at = self._num_read
        del self._names[: len(self._names) // self._num_units * self._num_units]


class LeakSign:
    """A fixed line of the prompt, or a control token spelled out."""

    def __init__(self, prompt_lines: Sequence[str]) -> None:
        self._prompt_lines = prompt_lines
        self._overlap = max([_MAX_CONTROL_CHARS, *map(len, prompt_lines)])
        self._leaked = False

    def __call__(self, delta: str, text: str) -> str | None:
        """Return `prompt_leak`."""
        self._leaked |= leaks_prompt(text[-len(delta) - self._overlap :], self._prompt_lines)
        leaks = self._leaked and leaks_prompt(settled(text), self._prompt_lines)
        return "prompt_leak" if leaks else None


class LengthSign:
    """More words than a response may have."""

    def __init__(self, max_words: int) -> None:
        self._max_words = max_words
        self._num_words = 0
        self._num_read = 0

    def __call__(self, _delta: str, text: str) -> str | None:
        """Return `too_long`."""
        last_space = max(text.rfind(" "), text.rfind("\n"))
        if last_space >= self._num_read:
            self._num_words += count_words(text[self._num_read : last_space])
            self._num_read = last_space
        # The last word may still grow, but it is one.
        if self._num_words <= self._max_words:
            return None
        return "too_long" if count_words(settled(text)) > self._max_words else None


def _prose_tail(text: str, num_units: int) -> str:
    """Return the last stretch that is sure to be prose, long enough for so many units."""
    if "```" in text or "~~~" in text:
        return ""
    text = settled(text)
    tail = text[-16 * num_units :]
    _, pipe, after_pipe = tail.rpartition("|")
    if pipe:
        _, _, tail = after_pipe.partition("\n\n")
    elif MAY_BE_STRUCTURE.search(text):
        last_pipe = text.rindex("|")
        tail = tail if "\n\n" in text[last_pipe : len(text) - len(tail)] else ""
    return tail
