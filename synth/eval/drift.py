"""How far a subject's answers are from the base model's."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from filters.measures import bootstrap_mean, bootstrap_ratio
from selflengthen.contract.exam.guard_answer import GuardAnswer
from selflengthen.contract.exam.guard_report import Drift, SubjectDrift
from selflengthen.contract.loop_row import Interval
from synth.engine.base import FinishReason
from synth.eval_config import GuardConfig
from synth.method.books.quality import interval


def drift_of(
    answers: Sequence[GuardAnswer], base: Sequence[GuardAnswer], limits: GuardConfig
) -> SubjectDrift:
    """Compare a subject's answers with the base's to the same prompts; none: only its own."""
    by_prompt = {answer.prompt: answer for answer in base if _has_text(answer)}
    kinds: defaultdict[str, list[GuardAnswer]] = defaultdict(list)
    for answer in answers:
        kinds[answer.task_kind].append(answer)
    whole = _drift(answers, by_prompt)
    return SubjectDrift(
        adapter=answers[0].adapter,
        all=whole,
        by_kind={kind: _drift(found, by_prompt) for kind, found in sorted(kinds.items())},
        warnings=tuple(_warnings(whole, limits)),
    )


def _drift(answers: Sequence[GuardAnswer], base: Mapping[str, GuardAnswer]) -> Drift:
    found = list(filter(_has_text, answers))
    lengths = [answer.num_words for answer in found]
    return Drift(
        prompts=len(answers),
        errors=len(answers) - len(found),
        kl=_kl(found),
        num_words=interval(bootstrap_mean(lengths or [0])),
        growth=_growth(found, base),
        truncated=interval(
            bootstrap_mean([one.finish_reason == FinishReason.LENGTH for one in found] or [0])
        ),
    )


def _has_text(answer: GuardAnswer) -> bool:
    return answer.finish_reason != FinishReason.ERROR


def _kl(answers: Sequence[GuardAnswer]) -> Interval | None:
    """Estimate the divergence: what is drawn from the subject is its own sample."""
    pairs = [
        (answer.log_probability - answer.base_log_probability, answer.num_scored_tokens)
        for answer in answers
        if answer.log_probability is not None and answer.base_log_probability is not None
    ]
    return interval(bootstrap_ratio(*zip(*pairs, strict=True))) if pairs else None


def _growth(answers: Sequence[GuardAnswer], base: Mapping[str, GuardAnswer]) -> Interval | None:
    pairs = [
        (answer.num_words, base[answer.prompt].num_words)
        for answer in answers
        if answer.prompt in base and base[answer.prompt].subject != answer.subject
    ]
    lengths, of_base = [own for own, _ in pairs], [other for _, other in pairs]
    return interval(bootstrap_ratio(lengths, of_base)) if any(of_base) else None


def _warnings(drift: Drift, limits: GuardConfig) -> Iterator[str]:
    """Tell what is beyond a limit, and not by chance."""
    if drift.kl and limits.max_kl is not None and drift.kl.low > limits.max_kl:
        yield f"divergence from the base {_shown(drift.kl)}, above guard.max_kl {limits.max_kl}"
    if drift.growth and limits.max_growth is not None and drift.growth.low > limits.max_growth:
        yield (
            f"answers to short prompts {_shown(drift.growth)} times as long as the base's, above "
            f"guard.max_growth {limits.max_growth}"
        )


def _shown(found: Interval) -> str:
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
