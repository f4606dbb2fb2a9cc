"""Loops: a unit of up to some dozens of words said several times in a row."""

from collections.abc import Sequence


def loop_run_units(period: int, min_repeats: int, min_units: int) -> int:
    """How many consecutive units must equal the unit one period earlier to make a loop."""
    return max(min_repeats * period, min_units) - period


def find_loop(
    units_N: Sequence[str], *, max_period: int, min_repeats: int, min_units: int
) -> int | None:
    """Return the period of a loop found anywhere, or None.

    A loop is at least `min_repeats` copies of one stretch, `min_units` units in all.
    Every loop of period p holds a stretch of R matching positions (see `loop_run_units`), hence a
    position that is a multiple of R: only those are probed, so the work is about linear in N.

    Shapes: N script units.
    Units: script units (see `script_units`), for periods too.
    """
    for period in range(1, max_period + 1):
        run = loop_run_units(period, min_repeats, min_units)
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


def ends_in_loop(
    units_N: Sequence[str], *, max_period: int, min_repeats: int, min_units: int
) -> bool:
    """Tell whether the last units are a loop; a stream that loops shows it at its end."""
    for period in range(1, max_period + 1):
        run = loop_run_units(period, min_repeats, min_units)
        if len(units_N) >= run + period and all(
            units_N[-i] == units_N[-i - period] for i in range(1, run + 1)
        ):
            return True
    return False
