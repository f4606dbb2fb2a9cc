"""From a slot to its initial responses.

A proposal must differ from what every earlier slot accepted, and so it has to wait for its turn.
Meanwhile its responses are already being written; should the proposal turn out to be a
near-duplicate, they end at their next piece of text. The engine never waits, and which of two
near-duplicates stays does not depend on timing.
"""

import asyncio

from synth.engine.protocol import Engine, Stage
from synth.pipeline.book import CohortBook
from synth.pipeline.expand import propose_instruction
from synth.pipeline.generate import generate_response
from synth.pipeline.recipe import Recipe
from synth.pipeline.registry import Registry
from synth.pipeline.sample import InitialResponse, Instruction, Slot

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
