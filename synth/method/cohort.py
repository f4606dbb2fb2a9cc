"""A cohort: the samples that are ranked by length together.

Each instruction walks on by itself. The only point where a cohort waits for all its members is the
ranking, and other cohorts keep the engine busy meanwhile.

A proposal must differ from what every earlier slot accepted, and so it has to wait for its turn.
Meanwhile its responses are already being written; should the proposal turn out to be a
near-duplicate, they end at their next piece of text. The engine never waits, and which of two
near-duplicates stays does not depend on timing.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from selflengthen.tasks import together
from synth.method.ahead.forecast import Forecast
from synth.method.expand import propose_instruction
from synth.method.extend import extend_response, rehearsal_of
from synth.method.generate import generate_response
from synth.method.ranking import rank
from synth.method.recipe import CohortContext, Recipe
from synth.method.sample import ExtendedResponse, InitialResponse, Instruction
from synth.method.slots import Slot
from synth.method.stages import Stage

T = TypeVar("T")

NEAR_DUPLICATE = "near_duplicate"


@dataclass(frozen=True)
class Cohort:
    """The slots that are ranked together."""

    index: int
    slots: tuple[Slot, ...]

    async def run(self, context: CohortContext) -> list[ExtendedResponse]:
        """Take every slot through the method and return the samples that survive."""
        forecast = Forecast(context, rehearsal_of)
        answered = await together(answer_slot(slot, context, forecast) for slot in self.slots)
        initial = await rank(_flatten(answered), context)
        forecast.decide(initial)
        context.book.count("initial_kept", len(initial))
        extended = await together(
            extend_response(response, copy, context)
            for response in initial
            for copy in range(context.recipe.config.extend.extensions)
        )
        found = [response for response in extended if response]
        context.book.count("extended", len(found))
        return await rank(found, context)


async def answer_slot(
    slot: Slot, context: CohortContext, forecast: Forecast
) -> list[InitialResponse]:
    """Find a slot's instruction and the initial responses to it, which may be none."""
    book = context.book
    for attempt in range(context.recipe.config.expand.attempts):
        proposal = await propose_instruction(slot, attempt, context)
        if proposal is None:
            continue
        responses = await _answer_unless_duplicate(proposal, context, forecast)
        if responses is not None:
            book.count("slots_expanded", 1)
            return responses
    context.registry.settle(slot.sequence, None)
    book.exhausted(Stage.EXPAND)
    book.count("slots_expanded", 1)
    return []


async def _answer_unless_duplicate(
    proposal: Instruction, context: CohortContext, forecast: Forecast
) -> list[InitialResponse] | None:
    """Answer while the proposal waits for its turn; None if it is a near-duplicate."""
    book, draft = context.book, context.book.draft()
    is_duplicate = asyncio.Event()

    async def answer(copy: int) -> InitialResponse | None:
        own = replace(context, book=draft)
        response = await generate_response(proposal, copy, own, is_duplicate)
        if response is not None:
            forecast.add(response)
        return response

    async with asyncio.TaskGroup() as tasks:
        answering = [
            tasks.create_task(answer(copy))
            for copy in range(context.recipe.config.generate.responses)
        ]
        if await context.registry.resembles_accepted(proposal.slot, proposal.text):
            is_duplicate.set()
        else:
            _accept(proposal, context)
    responses = [response for task in answering if (response := task.result())]
    if is_duplicate.is_set():
        forecast.remove(responses)
        book.write_off(draft, [response.exchanges for response in responses], NEAR_DUPLICATE)
        book.reject(proposal.request, proposal.completion, NEAR_DUPLICATE, proposal.text)
        return None
    book.merge(draft)
    book.count("initial", len(responses))
    return responses


def _accept(proposal: Instruction, context: CohortContext) -> None:
    book = context.book
    context.registry.settle(proposal.slot.sequence, proposal.text)
    book.instructions[proposal.slot.sequence] = proposal.text
    book.count("instructions", 1)
    book.keep(proposal.request, proposal.completion)
    book.verdicts.accept(proposal.request, proposal.completion)


def cohort_of(recipe: Recipe, index: int) -> Cohort:
    """Return one of the cohorts of an iteration."""
    return Cohort(index, recipe.plan.slots(index))


def _flatten(groups: Iterable[Iterable[T]]) -> list[T]:
    return [item for group in groups for item in group]
