"""Prefix forms of the response rules: they condemn a text while it is still being written.

A watch is given the text piece by piece and answers with the reason as soon as the full filter is
bound to drop the text, whatever follows. It may stay silent where the filter drops; it never
speaks where the filter keeps.
"""

from collections.abc import Callable, Sequence
from typing import Protocol


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
