"""Which pairs of instruction and response become rows of the final data."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from filters.demand import demands_in
from filters.profile import Profile
from filters.text.judged import JudgedText
from selflengthen.contract.record import Record
from synth.collect_config import CollectConfig
from synth.final.pair import Pair
from synth.run.directory import IterationFiles

_BANDS = (500, 1000, 2000, 4000, 8000)
"""Where bands of lengths end, in words."""


def choose(
    iterations: Iterable[IterationFiles], config: CollectConfig, profile: Profile
) -> tuple[list[Pair], Counter[str]]:
    """Return the pairs that make rows, the best first, and count the others by reason.

    Args:
        profile: What scores initial responses.
    """
    left_out: Counter[str] = Counter()
    fit: list[Pair] = []
    for files in iterations:
        # Of responses that are nearly alike, one made a row.
        with_row = {row.id for row in files.read_rows("generator")}
        for pair in _pairs(files.read_records(), profile if config.initial else None):
            is_repeated = pair.record_id not in with_row
            reason = "repeated_row" if is_repeated else _objection(pair, config)
            if reason:
                left_out[reason] += 1
            else:
                fit.append(pair)
    fit.sort(key=lambda pair: (-pair.score * pair.num_words, pair.id))
    if config.balance:
        fit = _in_turn(fit)
    chosen = fit[: config.max_rows]
    if len(chosen) < len(fit):
        left_out["not_chosen"] = len(fit) - len(chosen)
    return chosen, left_out


def _pairs(records: Iterable[Record], profile: Profile | None) -> Iterator[Pair]:
    """Yield the extended responses, and with a profile the initial ones, each of them once."""
    seen: set[tuple[str, str]] = set()
    for record in records:
        yield Pair.extended(record)
        place = (record.instruction_id, record.initial_response)
        if profile is not None and place not in seen:
            seen.add(place)
            yield Pair.initial(record, profile.score(JudgedText(record.initial_response)))


def _objection(pair: Pair, config: CollectConfig) -> str | None:
    if pair.num_words < config.min_words:
        return "too_short"
    if config.max_words is not None and pair.num_words > config.max_words:
        return "too_long"
    found = demands_in(pair.instruction)
    if len(found) > 1:
        return "several_demands"
    return "misses_its_demand" if found and not found[0].demand.is_met(pair.num_words) else None


def _in_turn(pairs: Sequence[Pair]) -> list[Pair]:
    """Let every length band and kind of text have its turn."""
    cells: defaultdict[tuple[int, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        band = sum(pair.num_words >= end for end in _BANDS)
        cells[band, pair.task_kind].append(pair)
    rounds = zip_longest(*(cells[cell] for cell in sorted(cells)))
    return [pair for one in rounds for pair in one if pair is not None]
