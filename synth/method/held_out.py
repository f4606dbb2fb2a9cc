"""The held-out measure: the Generator answers instructions that it is never trained on.

An answer is taken as it is: one try, no watch. The response filter judges it, but drops nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from filters import count_words
from selflengthen.contract.base import TokenCounts
from selflengthen.contract.held_out import HeldOutAnswer, HeldOutSummary
from selflengthen.percentiles import percentiles
from selflengthen.tasks import first_error, together
from synth.engine.base import Engine, FinishReason, Request
from synth.method.books.ledger import ERROR, MEASURED, Ledger, Tokens
from synth.method.recipe import Prompt, Recipe
from synth.method.stages import ModelRole, Stage


async def answer_held_out(recipe: Recipe, engine: Engine) -> list[HeldOutAnswer]:
    """Answer every held-out instruction as often as configured, in the instructions' order.

    Raises: EngineError: the engine is gone.
    """
    try:
        return await together(
            _answer(_request(number, copy, recipe), recipe, engine)
            for number in range(len(recipe.held_out))
            for copy in range(recipe.config.held_out.answers)
        )
    except ExceptionGroup as errors:
        raise first_error(errors) from None


def _request(number: int, copy: int, recipe: Recipe) -> Request:
    request_id = f"{recipe.iteration}-held-out-{number:05d}-r{copy}"
    return recipe.request(Prompt(request_id, Stage.HELD_OUT, number, user=recipe.held_out[number]))


async def _answer(request: Request, recipe: Recipe, engine: Engine) -> HeldOutAnswer:
    completion = await engine.generate(request)
    text = recipe.profile.trim(completion.text)
    return HeldOutAnswer(
        id=request.id,
        instruction=request.user,
        response=completion.text,
        num_words=count_words(completion.text),
        finish_reason=completion.finish_reason.value,
        reason=await recipe.objection(request.user, completion, text),
        tokens=TokenCounts(
            prompt=completion.num_prompt_tokens,
            cached=completion.num_cached_tokens,
            generated=completion.num_generated_tokens,
        ),
        generator=request.adapter or ModelRole.BASE.value,
    )


def summarize_held_out(answers: Sequence[HeldOutAnswer]) -> HeldOutSummary | None:
    """Sum answers up; requests that failed have no length."""
    if not answers:
        return None
    finish_reasons = [answer.finish_reason for answer in answers]
    num_words: Counter[float] = Counter(
        answer.num_words for answer in answers if answer.finish_reason != FinishReason.ERROR
    )
    words: dict[str, float] = {}
    if num_words:
        mean = sum(num_words.elements()) / num_words.total()
        words = {"mean": round(mean, 1), **percentiles(num_words)}
    return HeldOutSummary(
        generator=answers[0].generator,
        num_answers=num_words.total(),
        truncated=finish_reasons.count(FinishReason.LENGTH),
        passed=sum(answer.reason is None for answer in answers),
        errors=finish_reasons.count(FinishReason.ERROR),
        num_words=words,
    )


def ledger_of(answers: Iterable[HeldOutAnswer]) -> Ledger:
    """Return the ledger of answers."""
    ledger = Ledger()
    for answer in answers:
        tokens = answer.tokens
        outcome = ERROR if answer.finish_reason == FinishReason.ERROR else MEASURED
        counted = Tokens(1, tokens.prompt, tokens.cached, tokens.generated)
        ledger.add_tokens(Stage.HELD_OUT, outcome, counted)
    return ledger
