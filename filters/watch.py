"""Prefix forms of the response rules: they condemn a text while it is still being written.

A watch is given the text piece by piece and answers with the reason as soon as the full filter is
bound to drop the text, whatever follows. It may stay silent where the filter drops; it never
speaks where the filter keeps.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from filters.loop import ends_in_loop
from filters.meta import opens_with_meta_talk, opens_with_refusal
from filters.prose import MAY_BE_STRUCTURE
from filters.trim import settled
from filters.words import script_units


class Watch(Protocol):
    """Reads one text as it grows; stateful, one watch per text."""

    def __call__(self, delta: str) -> str | None:
        """Take the next piece; return the reason once the text is lost."""


class RepeatedNgramWatch:
    """Any repeated n-gram is a loss (the reference profiles); ended by the first one."""

    def __init__(self, split: Callable[[str], Sequence[str]], n: int) -> None:
        self._split = split
        self._n = n
        self._unfinished = ""
        self._last_units: list[str] = []
        self._seen: set[tuple[str, ...]] = set()

    def __call__(self, delta: str) -> str | None:
        """Return `ngram` once n consecutive units have occurred twice."""
        units = self._split(self._unfinished + delta)
        if not units:
            self._unfinished += delta
            return None
        # The last unit may still grow, and what was white space may yet belong to it.
        text = self._unfinished + delta
        self._unfinished = text[text.rindex(units[-1]) :]
        return "ngram" if any(self._repeats(unit) for unit in units[:-1]) else None

    def _repeats(self, unit: str) -> bool:
        self._last_units = [*self._last_units, unit][-self._n :]
        ngram = tuple(self._last_units)
        if len(ngram) < self._n:
            return False
        repeats = ngram in self._seen
        self._seen.add(ngram)
        return repeats


class DefaultWatch:
    """Meta talk and refusals in the first line, and loops at the end."""

    def __init__(self, *, max_period: int, min_repeats: int, min_units: int) -> None:
        self._max_period = max_period
        self._min_repeats = min_repeats
        self._min_units = min_units
        self._text = ""
        self._opening_is_judged = False

    def __call__(self, delta: str) -> str | None:
        """Return `meta_talk`, `refusal` or `loop` once the text is lost."""
        self._text += delta
        return self._judge_opening() or self._judge_tail()

    def _judge_opening(self) -> str | None:
        if self._opening_is_judged:
            return None
        first_line, line_break, _ = self._text.lstrip().partition("\n")
        if not line_break:
            return None
        self._opening_is_judged = True
        if opens_with_refusal(first_line):
            return "refusal"
        return "meta_talk" if opens_with_meta_talk(first_line) else None

    def _judge_tail(self) -> str | None:
        units = script_units(self._prose_tail())[1:-1]
        loops = ends_in_loop(
            units,
            max_period=self._max_period,
            min_repeats=self._min_repeats,
            min_units=self._min_units,
        )
        return "loop" if loops else None

    def _prose_tail(self) -> str:
        """Return the last stretch that is sure to be prose, long enough for the longest loop."""
        if "```" in self._text or "~~~" in self._text:
            return ""
        num_units = max(self._max_period * self._min_repeats, self._min_units)
        tail = settled(self._text)[-16 * num_units :]
        _, pipe, after_pipe = tail.rpartition("|")
        if pipe:
            _, _, tail = after_pipe.partition("\n\n")
        elif MAY_BE_STRUCTURE.search(self._text):
            last_pipe = self._text.rindex("|")
            tail = tail if "\n\n" in self._text[last_pipe : len(self._text) - len(tail)] else ""
        return tail
