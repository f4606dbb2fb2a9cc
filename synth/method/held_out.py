"""The held-out measure: the Generator answers instructions that it is never trained on.

An answer is taken as it is: one try, no watch. The response filter judges it, but drops nothing.
"""

from filters.text.words import count_words
from selflengthen.contract.base import TokenCounts
from selflengthen.contract.held_out import HeldOutAnswer
from selflengthen.tasks import first_error, together
from synth.engine.base import Engine, Request
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
        reason=(await recipe.judge(request.user, completion, text)).reason,
        tokens=TokenCounts(
            prompt=completion.num_prompt_tokens,
            cached=completion.num_cached_tokens,
            generated=completion.num_generated_tokens,
        ),
        generator=request.adapter or ModelRole.BASE.value,
    )
