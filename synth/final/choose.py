"""Which records become rows of the final data."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from filters.demand import demands_in
from selflengthen.contract.record import Record
from synth.collect_config import CollectConfig
from synth.run.directory import IterationFiles

_BANDS = (500, 1000, 2000, 4000, 8000)
"""Where bands of lengths end, in words."""


def choose(
    iterations: Iterable[IterationFiles], config: CollectConfig
) -> tuple[list[Record], Counter[str]]:
    """Return the records that make rows, the best first, and count the others by reason."""
    left_out: Counter[str] = Counter()
    fit: list[Record] = []
    for files in iterations:
        # Of responses that are nearly alike, one made a row.
        with_row = {row.id for row in files.read_rows("generator")}
        for record in files.read_records():
            reason = "repeated_row" if record.id not in with_row else _objection(record, config)
            if reason:
                left_out[reason] += 1
            else:
                fit.append(record)
    fit.sort(key=lambda record: (-record.score * record.num_words.response, record.id))
    if config.balance:
        fit = _in_turn(fit)
    chosen = fit[: config.max_rows]
    if len(chosen) < len(fit):
        left_out["not_chosen"] = len(fit) - len(chosen)
    return chosen, left_out


def _objection(record: Record, config: CollectConfig) -> str | None:
    num_words = record.num_words.response
    if num_words < config.min_words:
        return "too_short"
    if config.max_words is not None and num_words > config.max_words:
        return "too_long"
    found = demands_in(record.instruction)
    if len(found) > 1:
        return "several_demands"
    return "misses_its_demand" if found and not found[0].demand.is_met(num_words) else None


def _in_turn(records: Sequence[Record]) -> list[Record]:
    """Let every length band and kind of text have its turn."""
    cells: defaultdict[tuple[int, str], list[Record]] = defaultdict(list)
    for record in records:
        band = sum(record.num_words.response >= end for end in _BANDS)
        cells[band, record.task_kind].append(record)
    rounds = zip_longest(*(cells[cell] for cell in sorted(cells)))
    return [record for one in rounds for record in one if record is not None]
