"""The held-out measure: the Generator answers instructions that it is never trained on.

An answer is taken as it is: one try, no filter, no watch.
"""

from typing import Any

from filters import count_words
from synth.engine.protocol import Engine, ModelRole, Stage
from synth.pipeline.recipe import Recipe
from synth.pipeline.sample import Slot
from synth.pipeline.together import together

JsonRow = dict[str, Any]

_NO_COHORT = -1


async def answer_held_out(recipe: Recipe, engine: Engine) -> list[JsonRow]:
    """Answer every held-out instruction once."""
    return await together(
        _answer(number, instruction, recipe, engine)
        for number, instruction in enumerate(recipe.held_out)
    )


async def _answer(number: int, instruction: str, recipe: Recipe, engine: Engine) -> JsonRow:
    adapter = recipe.adapters.get(ModelRole.GENERATOR)
    request = recipe.request(
        Slot(recipe.iteration, _NO_COHORT, 0, number),
        f"{recipe.iteration}-held-out-{number:05d}",
        Stage.HELD_OUT,
        user=instruction,
        attempt=0,
    )
    completion = await engine.generate(request)
    return {
        "id": request.id,
        "instruction": instruction,
        "response": completion.text,
        "num_words": count_words(completion.text),
        "finish_reason": completion.finish_reason.value,
        "tokens": {
            "prompt": completion.num_prompt_tokens,
            "cached": completion.num_cached_tokens,
            "generated": completion.num_generated_tokens,
        },
        "generator": adapter.name if adapter else ModelRole.BASE.value,
    }
