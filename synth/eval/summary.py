"""What answers to a suite show, with intervals."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from filters.measures import bootstrap_mean, volatility
from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.contract.exam.evaluation import Evaluation, LengthMeasures, SubjectMeasures
from selflengthen.contract.loop_row import Interval
from synth.engine.base import FinishReason
from synth.eval.suite import Suite
from synth.method.books.quality import interval

Groups = Mapping[str, Sequence[EvalAnswer]]
"""Answers by the request that they answer."""

_BAND_ENDS = (0, 500, 1000, 2000, 4000, 8001)


def evaluation_of(suite: Suite, answers: Mapping[str, Sequence[EvalAnswer]]) -> Evaluation:
    """Measure all subjects' answers; gains are above `base`, if it is one of them."""
    base = _by_request(answers.get("base", ()))
    return Evaluation(
        suite=suite.name,
        suite_sha256=suite.digest,
        requests=len(suite.tasks),
        answers_each=max((len(found) // len(suite.tasks) for found in answers.values()), default=0),
        subjects={name: _subject(found, base) for name, found in answers.items()},
    )


def _subject(answers: Sequence[EvalAnswer], base: Groups) -> SubjectMeasures:
    keys: dict[str, Callable[[EvalAnswer], str]] = {
        "demand": lambda answer: answer.demand.kind,
        "band": lambda answer: band(_asked(answer)),
        "kind": lambda answer: answer.task_kind,
        "language": lambda answer: answer.language,
    }
    return SubjectMeasures(
        adapter=answers[0].adapter,
        all=_measures(answers, base),
        by={
            name: {group: _measures(found, base) for group, found in _grouped(answers, key)}
            for name, key in keys.items()
        },
        generated_tokens=sum(answer.tokens.generated for answer in answers),
    )


def band(num_words: float) -> str:
    """Name the band of lengths that a length lies in, in words."""
    for low, end in pairwise(_BAND_ENDS):
        if num_words < end:
            return f"{low}-{end - 1}"
    return f"{_BAND_ENDS[-1]}-"


def _measures(answers: Sequence[EvalAnswer], base: Groups) -> LengthMeasures:
    groups = _by_request(answers)
    found = list(groups.values())
    with_length = list(_by_request(filter(_has_length, answers)).values())
    scores = {request: _mean(group, _score) for request, group in groups.items()}
    gains = [
        score - _mean(base[request], _score)
        for request, score in scores.items()
        if request in base and base[request][0].subject != answers[0].subject
    ]
    return LengthMeasures(
        requests=len(groups),
        answers=len(answers),
        errors=sum(not _has_length(answer) for answer in answers),
        words_asked=round(statistics.fmean(map(_asked, answers)), 1),
        num_words=_interval_or_none(
            _mean(group, lambda one: one.num_words) for group in with_length
        ),
        length_score=_interval(scores.values()),
        gain=_interval(gains) if gains else None,
        length_quality=_interval(_mean(group, lambda one: one.length_quality) for group in found),
        volatility=_interval_or_none(
            volatility([one.num_words for one in group]) for group in with_length if len(group) > 1
        ),
        structural=_interval(_mean(group, lambda one: one.fault is not None) for group in found),
        truncated=_interval(
            _mean(group, lambda one: one.finish_reason == FinishReason.LENGTH) for group in found
        ),
    )


def _has_length(answer: EvalAnswer) -> bool:
    return answer.finish_reason != FinishReason.ERROR


def _score(answer: EvalAnswer) -> float:
    return answer.length_score


def _asked(answer: EvalAnswer) -> float:
    return (answer.demand.low + answer.demand.high) / 2


def _mean(group: Sequence[EvalAnswer], value: Callable[[EvalAnswer], float]) -> float:
    return statistics.fmean(map(value, group))


def _by_request(answers: Iterable[EvalAnswer]) -> Groups:
    return dict(_grouped(answers, lambda answer: answer.id.removeprefix(f"{answer.subject}-")[:5]))


def _grouped(
    answers: Iterable[EvalAnswer], key: Callable[[EvalAnswer], str]
) -> list[tuple[str, list[EvalAnswer]]]:
    groups: defaultdict[str, list[EvalAnswer]] = defaultdict(list)
    for answer in answers:
        groups[key(answer)].append(answer)
    return sorted(groups.items())


def _interval(values: Iterable[float]) -> Interval:
    return interval(bootstrap_mean(list(values)))


def _interval_or_none(values: Iterable[float]) -> Interval | None:
    found = list(values)
    return _interval(found) if found else None
