"""The reference's schedule: stages one after the other, each a pool of workers.

A worker holds its place through all retries; a text is judged when it is finished; a stage may end
when most of its tasks have, and the others are lost.
Source: Self-Lengthen (arXiv 2410.23933), QwenLM/Self-Lengthen, commit 004e880.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from synth.engine.base import Completion, Engine, EngineLayer, NewWatch, Request
from synth.method.books.book import CohortBook
from synth.method.cohort import NEAR_DUPLICATE, Cohort, rank
from synth.method.expand import propose_instruction
from synth.method.extend import extend_response
from synth.method.generate import generate_response
from synth.method.recipe import CohortContext, Recipe
from synth.method.registry import InstructionRegistry
from synth.method.sample import ExtendedResponse, Instruction
from synth.method.slots import CohortPlan, Slot

T = TypeVar("T")

NUM_WORKERS = 32
CUT_OFF = 0.95


class UnwatchedEngine(EngineLayer):
    """Lets every text come to its end."""

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Serve without looking."""
        return await self._inner.generate(request)


async def synthesize_in_stages(
    recipe: Recipe, engine: Engine, cut_off: float
) -> list[ExtendedResponse]:
    """Take all slots through one stage after the other; each ends at a share of its tasks."""
    engine, config = UnwatchedEngine(engine), recipe.config
    registry = InstructionRegistry(recipe.pool, config.expand, recipe.held_out)
    plan = CohortPlan(recipe.iteration, (config.num_instructions,), config.num_instructions)
    everything = Cohort(0, plan.slots(0))
    context = CohortContext(recipe, engine, registry, CohortBook(0))
    instructions = await _stage([_instruction(slot, context) for slot in everything.slots], 1.0)
    responses = await _stage(
        [
            generate_response(instruction, copy, context, asyncio.Event())
            for instruction in instructions
            for copy in range(config.generate.responses)
        ],
        cut_off,
    )
    extended = await _stage(
        [
            extend_response(response, copy, context)
            for response in await rank(responses, context)
            for copy in range(config.extend.extensions)
        ],
        cut_off,
    )
    return await rank(extended, context)


async def _instruction(slot: Slot, context: CohortContext) -> Instruction | None:
    book, registry = context.book, context.registry
    for attempt in range(context.recipe.config.expand.attempts):
        proposal = await propose_instruction(slot, attempt, context)
        if proposal is None:
            continue
        if await registry.resembles_accepted(slot, proposal.text):
            book.reject(proposal.request, proposal.completion, NEAR_DUPLICATE, proposal.text)
            continue
        registry.settle(slot.sequence, proposal.text)
        return proposal
    registry.settle(slot.sequence, None)
    return None


async def _stage(tasks: Sequence[Coroutine[Any, Any, T | None]], cut_off: float) -> list[T]:
    """Run tasks on the workers until enough have ended; return what came of them, in order."""
    workers = asyncio.Semaphore(NUM_WORKERS)

    async def work(task: Coroutine[Any, Any, T | None]) -> T | None:
        async with workers:
            return await task

    running = [asyncio.create_task(work(task)) for task in tasks]
    enough = -(-len(running) * cut_off // 1)
    for number, ended in enumerate(asyncio.as_completed(running), start=1):
        await ended
        if number >= enough:
            break
    results = [task.result() for task in running if task.done()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for unbegun in tasks:
        unbegun.close()
    return [result for result in results if result is not None]
