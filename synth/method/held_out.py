"""The held-out measure: the Generator answers instructions that it is never trained on.

An answer is taken as it is: one try, no watch. The response filter judges it, but drops nothing.
"""

from typing import Any

from filters import count_words
from selflengthen.tasks import together
from synth.engine.base import Engine, ModelRole, Request, Stage
from synth.method.recipe import Recipe
from synth.method.sample import Slot

JsonRow = dict[str, Any]

_NO_COHORT = -1


async def answer_held_out(recipe: Recipe, engine: Engine) -> list[JsonRow]:
    """Answer every held-out instruction as often as configured, in the instructions' order."""
    return await together(
        _answer(_request(number, copy, recipe), recipe, engine)
        for number in range(len(recipe.held_out))
        for copy in range(recipe.config.held_out.answers)
    )


def _request(number: int, copy: int, recipe: Recipe) -> Request:
    return recipe.request(
        Slot(recipe.iteration, _NO_COHORT, 0, number),
        f"{recipe.iteration}-held-out-{number:05d}-r{copy}",
        Stage.HELD_OUT,
        user=recipe.held_out[number],
        attempt=0,
    )


async def _answer(request: Request, recipe: Recipe, engine: Engine) -> JsonRow:
    adapter = recipe.adapters.get(ModelRole.GENERATOR)
    completion = await engine.generate(request)
    text = recipe.profile.trim(completion.text)
    return {
        "id": request.id,
        "instruction": request.user,
        "response": completion.text,
        "num_words": count_words(completion.text),
        "finish_reason": completion.finish_reason.value,
        "reason": await recipe.objection(request.user, completion, text),
        "tokens": {
            "prompt": completion.num_prompt_tokens,
            "cached": completion.num_cached_tokens,
            "generated": completion.num_generated_tokens,
        },
        "generator": adapter.name if adapter else ModelRole.BASE.value,
    }
