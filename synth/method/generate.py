"""Initial responses: the Generator answers until the response filter passes."""

import asyncio
from dataclasses import dataclass

from synth.engine.base import Completion, Engine, Request, WatchCall
from synth.method.judge import judge_response
from synth.method.recipe import CohortContext, Judged, Prompt
from synth.method.sample import InitialResponse, Instruction
from synth.method.stages import Stage


@dataclass(frozen=True)
class _Answer:
    """What the Generator wrote, and what the filter says of it."""

    request: Request
    completion: Completion
    text: str
    judged: Judged


async def generate_response(
    instruction: Instruction, copy: int, context: CohortContext, is_unwanted: asyncio.Event
) -> InitialResponse | None:
    """Answer an instruction; None when the attempts are used up or the answer is unwanted."""
    ahead, book = context.ahead, context.book
    response_id = f"{instruction.id}-r{copy}"
    attempts = context.recipe.config.generate.attempts

    async def answer(attempt: int, own: CohortContext) -> _Answer:
        request = _request(instruction, f"{response_id}/generate-{attempt}", attempt, own)
        return await _answer(instruction, request, own, is_unwanted)

    async def rehearse(attempt: int, engine: Engine) -> bool:
        return (await answer(attempt, context.rehearsing(engine))).judged.reason is None

    ahead.expect(response_id, attempts, rehearse)
    for attempt in range(attempts):
        ahead.begin(response_id, attempt)
        found = await answer(attempt, context)
        reason = found.judged.reason
        if reason is None:
            ahead.drop(response_id)
            book.verdicts.accept(found.request, found.completion)
            exchanges = ((found.request.kind, found.completion),)
            score = found.judged.score or 0.0
            return InitialResponse(
                response_id, instruction, found.text, attempt + 1, exchanges, score
            )
        if is_unwanted.is_set():
            ahead.drop(response_id)
            book.verdicts.pass_over(found.request)
            book.write_down(found.request, found.completion, reason, found.text)
            return None
        book.reject(found.request, found.completion, reason, found.text)
    ahead.drop(response_id)
    book.exhausted(Stage.GENERATE)
    return None


def _request(
    instruction: Instruction, request_id: str, attempt: int, context: CohortContext
) -> Request:
    return context.recipe.request(
        Prompt(
            request_id,
            Stage.GENERATE,
            instruction.slot.sequence,
            user=instruction.text,
            attempt=attempt,
        )
    )


async def _answer(
    instruction: Instruction, request: Request, context: CohortContext, is_unwanted: asyncio.Event
) -> _Answer:
    profile = context.recipe.profile
    circumstances = context.recipe.circumstances(instruction.text)
    context.book.verdicts.begin(request)
    completion = await context.engine.generate(
        request, lambda: _unless_unwanted(profile.watch(circumstances), is_unwanted)
    )
    text = profile.trim(completion.text)
    judged = await judge_response(request, completion, instruction.text, text, context)
    return _Answer(request, completion, text, judged)


def _unless_unwanted(watch: WatchCall, is_unwanted: asyncio.Event) -> WatchCall:
    def watch_both(delta: str) -> str | None:
        return "unwanted" if is_unwanted.is_set() else watch(delta)

    return watch_both
