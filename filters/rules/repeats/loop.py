"""Loops: a unit of up to some dozens of words said several times in a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filters.text.prose import MAY_BE_STRUCTURE
from filters.text.words import match_units, script_units

if TYPE_CHECKING:
    from filters.rule import Circumstances, GrowingText, Sign
    from filters.text.judged import JudgedText


@dataclass(frozen=True, slots=True)
class LoopBounds:
    """What counts as a loop, in script units (see `script_units`)."""

    max_period: int
    """Longest stretch that is repeated."""
    min_repeats: int
    """How many times in a row it is said."""
    min_units: int
    """Shortest loop, all copies together."""

    @property
    def longest_units(self) -> int:
        """So many units at the end of a text show any loop that it ends in."""
        return max(self.max_period * self.min_repeats, self.min_units)

    def run(self, period: int) -> int:
        """How many consecutive units must equal the unit one period earlier."""
        return max(self.min_repeats * period, self.min_units) - period


def find_loop(units_N: Sequence[str], bounds: LoopBounds) -> int | None:
    """Return the period of a loop found anywhere, or None.

    Every loop of period p holds a stretch of R matching positions (see `LoopBounds.run`), hence a
    position that is a multiple of R: only those are probed, so the work is about linear in N.

    Shapes: N script units.
    """
    for period in range(1, bounds.max_period + 1):
        run = bounds.run(period)
        for probe in range(max(run, period), len(units_N), run):
            if _matching_run(units_N, probe, period, run) >= run:
                return period
    return None


def _matching_run(units_N: Sequence[str], probe: int, period: int, enough: int) -> int:
    if units_N[probe] != units_N[probe - period]:
        return 0
    first = probe
    while (
        first > period
        and probe - first < enough
        and units_N[first - 1] == units_N[first - 1 - period]
    ):
        first -= 1
    last = probe
    while (
        last + 1 < len(units_N)
        and last + 1 - first < enough
        and units_N[last + 1] == units_N[last + 1 - period]
    ):
        last += 1
    return last + 1 - first


def ends_in_loop(units_N: Sequence[str], bounds: LoopBounds) -> bool:
    """Tell whether the last units are a loop; a stream that loops shows it at its end."""
    for period in range(1, min(bounds.max_period, len(units_N) - 1) + 1):
        if units_N[-1] == units_N[-1 - period] and _ends_in_run(
            units_N, period, bounds.run(period)
        ):
            return True
    return False


def _ends_in_run(units_N: Sequence[str], period: int, run: int) -> bool:
    return len(units_N) >= run + period and all(
        units_N[-i] == units_N[-i - period] for i in range(1, run + 1)
    )


@dataclass(frozen=True, slots=True)
class LoopRule:
    """The same words over and over: `loop`."""

    bounds: LoopBounds
    is_lasting = True
    watches_drafts = True
    """A draft that loops does not find its end any more, so it is lost wherever the loop stands."""

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Look for a loop in the prose."""
        found = any(find_loop(units, self.bounds) for units in text.units)
        return "loop" if found else None

    def sign(self, _known: "Circumstances") -> "Sign":
        """Return a fresh sign."""
        return LoopSign(self.bounds)


class LoopSign:
    """A loop at the end of the text, where models loop."""

    def __init__(self, bounds: LoopBounds) -> None:
        self._bounds = bounds
        self._unfinished = ""
        self._units: list[str] = []

    def __call__(self, growing: "GrowingText") -> str | None:
        """Return `loop`."""
        self._read(growing.delta)
        if not ends_in_loop(self._units, self._bounds):
            return None
        units = script_units(_prose_tail(growing, self._bounds.longest_units))[1:-1]
        return "loop" if ends_in_loop(units, self._bounds) else None

    def _read(self, delta: str) -> None:
        """Take over all units but the last, which may still grow."""
        self._unfinished += delta.lower()
        if matches := match_units(self._unfinished):
            units = [match.group() for match in matches[:-1]]
            self._units = [*self._units, *units][-self._bounds.longest_units :]
            self._unfinished = self._unfinished[matches[-1].start() :]


def _prose_tail(growing: "GrowingText", num_units: int) -> str:
    """Return the last stretch that is sure to be prose, long enough for so many units."""
    if "```" in growing.text or "~~~" in growing.text:
        return ""
    text = growing.settled
    tail = text[-16 * num_units :]
    _, pipe, after_pipe = tail.rpartition("|")
    if pipe:
        _, _, tail = after_pipe.partition("\n\n")
    elif MAY_BE_STRUCTURE.search(text):
        last_pipe = text.rindex("|")
        tail = tail if "\n\n" in text[last_pipe : len(text) - len(tail)] else ""
    return tail
