"""S_q of LongBench-Write: a judge rates one answer on six dimensions."""

import json
import re
from collections.abc import Iterator

from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.contract.judged.rating import Rating, Scores
from synth.engine.base import Engine, FinishReason
from synth.judging.judge import Judge, texts_digest
from synth.method.recipe import failure_of

DIMENSIONS = tuple(Scores.model_fields)
NO_ANSWER = "no_answer"

_UNREADABLE = "unreadable"
_MAX_SAID_CHARS = 200
_LOWEST, _HIGHEST = 1, 5
_NO_WORD = re.compile(r"[\W_]+")


async def rate(answer: EvalAnswer, judge: Judge, engine: Engine) -> Rating:
    """Ask until the scores can be read, or the attempts are used up or a request fails.

    Raises: EngineError: the engine is gone.
    """
    if answer.finish_reason == FinishReason.ERROR:
        return _unrated(answer, 0, NO_ANSWER, None)
    said = ""
    for attempt in range(judge.config.attempts):
        completion = await engine.generate(judge.rating_request(answer, attempt))
        if failure := failure_of(completion):
            return _unrated(answer, attempt + 1, failure, completion.detail)
        said = completion.text
        if scores := parse_scores(said):
            return _rating(answer, scores, attempt + 1)
    return _unrated(answer, judge.config.attempts, _UNREADABLE, said)


def parse_scores(text: str) -> Scores | None:
    """Read the last JSON object with all six dimensions; None without one, or with other values.

    Keys may be spelt in capitals or with blanks (`Breadth and Depth`); values are numbers from 1 to
    5, and nothing that only stands for one.
    """
    rated = [found for found in map(_named, _objects(text)) if found.keys() >= set(DIMENSIONS)]
    if not rated or not all(_is_score(rated[-1][name]) for name in DIMENSIONS):
        return None
    return Scores.model_validate({name: rated[-1][name] for name in DIMENSIONS})


def judged_digest(answer: EvalAnswer) -> str:
    """Return the digest of what a rating is of."""
    return texts_digest(answer.query, answer.response)


def _objects(text: str) -> Iterator[dict[str, object]]:
    """Yield the outermost JSON objects in a text."""
    decoder, place = json.JSONDecoder(), text.find("{")
    while place >= 0:
        end = place + 1
        try:
            found, end = decoder.raw_decode(text, place)
            yield found
        except (ValueError, RecursionError):
            pass
        place = text.find("{", end)


def _named(found: dict[str, object]) -> dict[str, object]:
    return {_NO_WORD.sub("_", key.strip().lower()): value for key, value in found.items()}


def _is_score(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and _LOWEST <= value <= _HIGHEST  # type: ignore[operator]


def _rating(answer: EvalAnswer, scores: Scores, attempts: int) -> Rating:
    return Rating(
        id=answer.id,
        subject=answer.subject,
        scores=scores,
        attempts=attempts,
        reason=None,
        said=None,
        judged_sha256=judged_digest(answer),
    )


def _unrated(answer: EvalAnswer, attempts: int, reason: str, said: str | None) -> Rating:
    return Rating(
        id=answer.id,
        subject=answer.subject,
        scores=None,
        attempts=attempts,
        reason=reason,
        said=said and said.strip()[:_MAX_SAID_CHARS],
        judged_sha256=judged_digest(answer),
    )
