"""A judge compares an answer with the base's, in both orders."""

from collections.abc import Sequence

from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.contract.judged.comparison import Choice, Comparison
from selflengthen.tasks import together
from synth.engine.base import Engine, FinishReason, Request
from synth.judging.judge import CHOICES, Judge, place_of, texts_digest
from synth.method.recipe import failure_of

SUBJECT, BASE = "subject", "base"
WIN, LOSS, TIE = "win", "loss", "tie"

Pair = tuple[EvalAnswer, EvalAnswer]
"""A subject's answer, and the base's to the same request, of the same number."""


def paired(answers: Sequence[EvalAnswer], base: Sequence[EvalAnswer]) -> list[Pair]:
    """Pair a subject's answers with the base's; one that has no counterpart is left out."""
    by_place = {place_of(other.id, other.subject): other for other in base}
    places = [place_of(answer.id, answer.subject) for answer in answers]
    return [
        (answer, by_place[place])
        for answer, place in zip(answers, places, strict=True)
        if place in by_place
    ]


async def compare(pair: Pair, judge: Judge, engine: Engine) -> Comparison:
    """Let the judge choose twice; only what it chooses in both orders is better.

    Raises: ExceptionGroup: the engine is gone.
    """
    answer, base = pair
    subject_first = base_first = None
    if FinishReason.ERROR not in (answer.finish_reason, base.finish_reason):
        subject_first, base_first = await together(
            (
                _choose(judge.comparison_request(answer, base), (SUBJECT, BASE), engine),
                _choose(judge.comparison_request(base, answer), (BASE, SUBJECT), engine),
            )
        )
    return Comparison(
        id=answer.id,
        base_id=base.id,
        subject=answer.subject,
        subject_first=subject_first,
        base_first=base_first,
        outcome=_outcome(subject_first, base_first),
        word_difference=answer.num_words - base.num_words,
        judged_sha256=judged_digest(pair),
    )


def judged_digest(pair: Pair) -> str:
    """Return the digest of what a comparison is of."""
    answer, base = pair
    return texts_digest(answer.query, answer.response, base.response)


async def _choose(request: Request, shown: tuple[str, str], engine: Engine) -> Choice:
    completion = await engine.generate(request)
    name = completion.text.strip()
    failure = failure_of(completion) or (None if name in CHOICES else "unreadable")
    if failure:
        return Choice(chosen=None, probability=None, reason=failure)
    chosen = shown[CHOICES.index(name)]
    return Choice(chosen=chosen, probability=completion.probability, reason=None)


def _outcome(subject_first: Choice | None, base_first: Choice | None) -> str | None:
    chosen = [choice.chosen for choice in (subject_first, base_first) if choice]
    if len(chosen) < 2 or None in chosen:
        return None
    if chosen[0] != chosen[1]:
        return TIE
    return WIN if chosen[0] == SUBJECT else LOSS
