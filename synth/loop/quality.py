"""What became of the quality over a loop: faults and diversity of kept texts and answers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice

from filters.measures import (
    Estimate,
    compression_ratio,
    distinct_ngrams,
    mean,
    share,
    shared_ngrams,
    volatility,
)
from filters.profile import DefaultProfile
from filters.rule import Circumstances
from filters.text.words import count_words
from selflengthen.contract.loop_row import Interval, LoopRow, Quality
from synth.engine.base import FinishReason
from synth.run.directory import IterationFiles

MAX_TEXTS = 500
"""So many kept texts are looked at, from the first on."""
_PROFILE = DefaultProfile()


def quality_of_records(files: IterationFiles) -> Quality | None:
    """Look at the kept texts of an iteration; None if there are none."""
    records = islice(files.read_records(), MAX_TEXTS)
    return _quality((record.instruction, record.response) for record in records)


def quality_of_answers(files: IterationFiles) -> Quality | None:
    """Look at the held-out answers of an iteration's Generator; None if there are none."""
    return _quality(
        (answer.instruction, answer.response)
        for answer in files.read_held_out()
        if answer.finish_reason != FinishReason.ERROR
    )


def collapse(rows: Sequence[LoopRow]) -> str | None:
    """Tell how the last iteration's answers are worse than the base model's, beyond chance.

    Their structural faults are more, or their diversity is less, and the intervals of 95 % do not
    meet.
    """
    before, after = rows[0].quality["before"], rows[-1].quality["after"]
    if before is None or after is None:
        return None
    if after.structural.low > before.structural.high:
        what, old, new = "structural faults", before.structural, after.structural
    elif after.distinct_4.high < before.distinct_4.low:
        what, old, new = "different word groups", before.distinct_4, after.distinct_4
    else:
        return None
    return f"held-out answers, {what}: {_shown(old)} of the base, now {_shown(new)}"


def _quality(texts: Iterable[tuple[str, str]]) -> Quality | None:
    found = list(texts)
    if not found:
        return None
    responses = [response for _, response in found]
    faults = Counter(filter(None, (_fault(*pair) for pair in found)))
    return Quality(
        num_texts=len(found),
        structural=_interval(share(faults.total(), len(found))),
        faults={
            reason: _interval(share(number, len(found))) for reason, number in faults.most_common()
        },
        distinct_4=_interval(mean([distinct_ngrams(response) for response in responses])),
        compression=round(compression_ratio(responses), 3),
        self_similarity=_interval(mean(shared_ngrams(responses))),
        volatility=_volatility(found),
    )


def _fault(instruction: str, response: str) -> str | None:
    return _PROFILE.structural_fault(_PROFILE.trim(response), Circumstances(instruction))


def _volatility(texts: Iterable[tuple[str, str]]) -> Interval | None:
    lengths: defaultdict[str, list[int]] = defaultdict(list)
    for instruction, response in texts:
        lengths[instruction].append(count_words(response))
    values = [volatility(found) for found in lengths.values() if len(found) > 1]
    return _interval(mean(values)) if values else None


def _interval(estimate: Estimate) -> Interval:
    return Interval(
        value=round(estimate.value, 4), low=round(estimate.low, 4), high=round(estimate.high, 4)
    )


def _shown(interval: Interval) -> str:
    return f"{interval.value:.0%} ({interval.low:.0%} to {interval.high:.0%})"
