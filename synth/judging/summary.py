"""What a judge's words come to, with intervals."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from filters.measures import bootstrap_mean
from selflengthen.contract.judged.comparison import Comparison
from selflengthen.contract.judged.rating import Rating
from selflengthen.contract.judged.report import AgainstBase, JudgedQuality
from selflengthen.contract.loop_row import Interval
from synth.judging.comparing import LOSS, TIE, WIN
from synth.judging.judge import request_of
from synth.judging.length_control import length_controlled_rate
from synth.judging.rating import DIMENSIONS
from synth.method.books.quality import interval

R = TypeVar("R", Rating, Comparison)

_POINTS = {WIN: 1.0, TIE: 0.5, LOSS: 0.0}
_LOWEST = 1
_SCALE = 25
"""From 1 to 5 to 0 to 100. Source: LongWriter, `evaluation/eval_quality.py`, commit ca6ccd4."""


def quality_of(
    adapter: str | None, ratings: Sequence[Rating], comparisons: Sequence[Comparison] | None
) -> JudgedQuality:
    """Sum up what was said of a subject's answers.

    Args:
        adapter: The subject's, by the SHA-256 of its weights.
        comparisons: With the base's answers; None: there are none.
    """
    rated = [rating for rating in ratings if rating.scores]
    reasons = Counter(rating.reason for rating in ratings if rating.reason)
    return JudgedQuality(
        adapter=adapter,
        rated=len(rated),
        unrated=len(ratings) - len(rated),
        reasons=dict(reasons.most_common()),
        quality=_quality(rated, DIMENSIONS),
        dimensions={
            name: found for name in DIMENSIONS if (found := _quality(rated, [name])) is not None
        },
        against_base=None if comparisons is None else _against_base(comparisons),
    )


def _quality(rated: Sequence[Rating], names: Sequence[str]) -> Interval | None:
    """Return the mean of some scores, from 0 to 100."""

    def of_answer(rating: Rating) -> float:
        mean = statistics.fmean(getattr(rating.scores, name) for name in names)
        return (mean - _LOWEST) * _SCALE

    return _over_requests(rated, of_answer)


def _against_base(comparisons: Sequence[Comparison]) -> AgainstBase:
    judged = [one for one in comparisons if one.outcome is not None]
    outcomes = Counter(one.outcome for one in judged)
    return AgainstBase(
        pairs=len(comparisons),
        wins=outcomes[WIN],
        losses=outcomes[LOSS],
        ties=outcomes[TIE],
        unjudged=len(comparisons) - len(judged),
        win_rate=_over_requests(judged, _points),
        length_controlled=_length_controlled(judged),
        longer=_share(one.word_difference > 0 for one in judged),
        agreement=_share(one.outcome != TIE for one in judged),
    )


def _length_controlled(judged: Sequence[Comparison]) -> Interval | None:
    if not judged:
        return None
    found = length_controlled_rate(
        [_points(one) for one in judged],
        [one.word_difference for one in judged],
        [request_of(one.id, one.subject) for one in judged],
    )
    return interval(found) if found else None


def _over_requests(rows: Sequence[R], value: Callable[[R], float]) -> Interval | None:
    """Return the mean over the requests of the mean over their answers."""
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        groups[request_of(row.id, row.subject)].append(value(row))
    means = [statistics.fmean(found) for _, found in sorted(groups.items())]
    return interval(bootstrap_mean(means)) if means else None


def _points(comparison: Comparison) -> float:
    assert comparison.outcome is not None
    return _POINTS[comparison.outcome]


def _share(holds: Iterable[bool]) -> float | None:
    found = list(holds)
    return round(statistics.fmean(found), 4) if found else None
