"""Initial responses: the Generator answers until the response filter passes."""

import asyncio

from synth.engine.base import WatchCall
from synth.method.judge import judge_response
from synth.method.recipe import CohortContext, Prompt
from synth.method.sample import InitialResponse, Instruction
from synth.method.stages import Stage


async def generate_response(
    instruction: Instruction, copy: int, context: CohortContext, is_unwanted: asyncio.Event
) -> InitialResponse | None:
    """Answer an instruction; None when the attempts are used up or the answer is unwanted."""
    recipe, book = context.recipe, context.book
    response_id = f"{instruction.id}-r{copy}"
    circumstances = recipe.circumstances(instruction.text)

    def new_watch() -> WatchCall:
        return _unless_unwanted(recipe.profile.watch(circumstances), is_unwanted)

    for attempt in range(recipe.config.generate.attempts):
        request = recipe.request(
            Prompt(
                f"{response_id}/generate-{attempt}",
                Stage.GENERATE,
                instruction.slot.sequence,
                user=instruction.text,
                attempt=attempt,
            )
        )
        book.verdicts.begin(request)
        completion = await context.engine.generate(request, new_watch)
        text = recipe.profile.trim(completion.text)
        judged = await judge_response(request, completion, instruction.text, text, context)
        if judged.reason is None:
            book.verdicts.accept(request, completion)
            exchanges = ((request.kind, completion),)
            score = judged.score or 0.0
            return InitialResponse(response_id, instruction, text, attempt + 1, exchanges, score)
        if is_unwanted.is_set():
            book.verdicts.pass_over(request)
            book.write_down(request, completion, judged.reason, text)
            return None
        book.reject(request, completion, judged.reason, text)
    book.exhausted(Stage.GENERATE)
    return None


def _unless_unwanted(watch: WatchCall, is_unwanted: asyncio.Event) -> WatchCall:
    def watch_both(delta: str) -> str | None:
        return "unwanted" if is_unwanted.is_set() else watch(delta)

    return watch_both
