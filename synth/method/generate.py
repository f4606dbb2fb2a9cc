"""Initial responses: the Generator answers until the response filter passes."""

import asyncio

from synth.engine.base import Engine, Stage, WatchCall
from synth.method.books.book import CohortBook
from synth.method.expand import propose_instruction
from synth.method.recipe import Recipe
from synth.method.registry import Registry
from synth.method.sample import InitialResponse, Instruction, Slot


async def generate_response(
    instruction: Instruction,
    copy: int,
    recipe: Recipe,
    engine: Engine,
    book: CohortBook,
    is_unwanted: asyncio.Event,
) -> InitialResponse | None:
    """Answer an instruction; None when the attempts are used up or the answer is unwanted."""
    response_id = f"{instruction.id}-r{copy}"
    circumstances = recipe.circumstances(instruction.text)

    def new_watch() -> WatchCall:
        return _unless_unwanted(recipe.profile.watch(circumstances), is_unwanted)

    for attempt in range(recipe.config.generate.attempts):
        request = recipe.request(
            instruction.slot,
            f"{response_id}/generate-{attempt}",
            Stage.GENERATE,
            user=instruction.text,
            attempt=attempt,
        )
        book.verdicts.begin(request)
        completion = await engine.generate(request, new_watch)
        text = recipe.profile.trim(completion.text)
        reason = await recipe.objection(instruction.text, completion, text)
        if reason is None:
            book.verdicts.accept(request, completion)
            exchanges = ((Stage.GENERATE, completion),)
            return InitialResponse(response_id, instruction, text, attempt + 1, exchanges)
        if is_unwanted.is_set():
            book.verdicts.pass_over(request)
            book.write_down(request, completion, reason, text)
            return None
        book.reject(request, completion, reason, text)
    book.exhausted(Stage.GENERATE)
    return None


def _unless_unwanted(watch: WatchCall, is_unwanted: asyncio.Event) -> WatchCall:
    def watch_both(delta: str) -> str | None:
        return "unwanted" if is_unwanted.is_set() else watch(delta)

    return watch_both


NEAR_DUPLICATE = "near_duplicate"


async def answer_slot(
    slot: Slot, recipe: Recipe, engine: Engine, registry: Registry, book: CohortBook
) -> list[InitialResponse]:
    """Find a slot's instruction and the initial responses to it, which may be none."""
    for attempt in range(recipe.config.expand.attempts):
        proposal = await propose_instruction(slot, attempt, recipe, engine, registry, book)
        if proposal is None:
            continue
        responses = await _answer_unless_duplicate(proposal, recipe, engine, registry, book)
        if responses is not None:
            book.count("slots_expanded", 1)
            return responses
    registry.settle(slot.sequence, None)
    book.exhausted(Stage.EXPAND)
    book.count("slots_expanded", 1)
    return []


async def _answer_unless_duplicate(
    proposal: Instruction,
    recipe: Recipe,
    engine: Engine,
    registry: Registry,
    book: CohortBook,
) -> list[InitialResponse] | None:
    """Answer while the proposal waits for its turn; None if it is a near-duplicate."""
    is_duplicate = asyncio.Event()
    draft = book.draft()
    async with asyncio.TaskGroup() as tasks:
        answering = [
            tasks.create_task(
                generate_response(proposal, copy, recipe, engine, draft, is_duplicate)
            )
            for copy in range(recipe.config.generate.responses)
        ]
        if await registry.resembles_accepted(proposal.slot, proposal.text):
            is_duplicate.set()
        else:
            _accept(proposal, registry, book)
    responses = [response for task in answering if (response := task.result())]
    if is_duplicate.is_set():
        book.write_off(draft, [response.exchanges for response in responses], NEAR_DUPLICATE)
        book.reject(proposal.request, proposal.completion, NEAR_DUPLICATE, proposal.text)
        return None
    book.merge(draft)
    book.count("initial", len(responses))
    return responses


def _accept(proposal: Instruction, registry: Registry, book: CohortBook) -> None:
    registry.settle(proposal.slot.sequence, proposal.text)
    book.instructions[proposal.slot.sequence] = proposal.text
    book.count("instructions", 1)
    book.keep(Stage.EXPAND, proposal.completion)
    book.verdicts.accept(proposal.request, proposal.completion)
