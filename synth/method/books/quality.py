"""What some texts are like: structural faults and diversity."""

from collections import Counter, defaultdict
from collections.abc import Iterable

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
from selflengthen.contract.loop_row import Interval, Quality

_PROFILE = DefaultProfile()


def quality_of(texts: Iterable[tuple[str, str]]) -> Quality | None:
    """Look at pairs of instruction and response; None if there are none."""
    found = list(texts)
    if not found:
        return None
    responses = [response for _, response in found]
    faults = Counter(filter(None, (structural_fault(*pair) for pair in found)))
    return Quality(
        num_texts=len(found),
        structural=interval(share(faults.total(), len(found))),
        faults={
            reason: interval(share(number, len(found))) for reason, number in faults.most_common()
        },
        distinct_4=interval(mean([distinct_ngrams(response) for response in responses])),
        compression=round(compression_ratio(responses), 3),
        self_similarity=interval(mean(shared_ngrams(responses))),
        volatility=_volatility(found),
    )


def structural_fault(instruction: str, response: str) -> str | None:
    """Return the structural fault that the default profile sees in a response, or None."""
    return _PROFILE.structural_fault(_PROFILE.trim(response), Circumstances(instruction))


def interval(estimate: Estimate) -> Interval:
    """Return an estimate as it is written down."""
    return Interval(
        value=round(estimate.value, 4), low=round(estimate.low, 4), high=round(estimate.high, 4)
    )


def _volatility(texts: Iterable[tuple[str, str]]) -> Interval | None:
    lengths: defaultdict[str, list[int]] = defaultdict(list)
    for instruction, response in texts:
        lengths[instruction].append(count_words(response))
    values = [volatility(found) for found in lengths.values() if len(found) > 1]
    return interval(mean(values)) if values else None
