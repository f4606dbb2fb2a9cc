"""Initial responses: the Generator answers until the response filter passes."""

from synth.engine.protocol import Engine, Stage
from synth.pipeline.book import CohortBook
from synth.pipeline.recipe import Recipe
from synth.pipeline.sample import InitialResponse, Instruction


async def generate_response(
    instruction: Instruction, copy: int, recipe: Recipe, engine: Engine, book: CohortBook
) -> InitialResponse | None:
    """Answer an instruction; None when the attempts are used up."""
    response_id = f"{instruction.id}-r{copy}"
    for attempt in range(recipe.config.generate.attempts):
        request = recipe.request(
            instruction.slot,
            f"{response_id}/generate-{attempt}",
            Stage.GENERATE,
            user=instruction.text,
            attempt=attempt,
        )
        completion = await engine.generate(request, recipe.profile.watch())
        text = recipe.profile.trim(completion.text)
        reason = await recipe.objection(instruction, completion, text)
        if reason is None:
            exchanges = ((Stage.GENERATE, completion),)
            return InitialResponse(response_id, instruction, text, attempt + 1, exchanges)
        book.reject(request, completion, reason, text)
    book.exhausted(Stage.GENERATE)
    return None
