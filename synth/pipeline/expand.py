"""Self-instruct: the base model continues a list of instructions and judges its own proposal.

Source: Self-Lengthen (arXiv 2410.23933), section 3; `self_instruct`, commit 004e880.
"""

import random
from collections.abc import Sequence

from filters import count_words
from synth.engine.protocol import Completion, Engine, FinishReason, Request, Stage
from synth.pipeline.book import CohortBook
from synth.pipeline.instruction_registry import InstructionRegistry
from synth.pipeline.recipe import NUM_EXAMPLES, Recipe, failure_of
from synth.pipeline.sample import Instruction, Slot


class Expander:
    """Finds the instruction of a slot."""

    def __init__(
        self, recipe: Recipe, engine: Engine, registry: InstructionRegistry, book: CohortBook
    ) -> None:
        self._recipe = recipe
        self._engine = engine
        self._registry = registry
        self._book = book

    async def expand(self, slot: Slot, cohort_start: int) -> Instruction | None:
        """Propose until an instruction is accepted; None when the attempts are used up."""
        pool = await self._registry.pool(slot, cohort_start)
        for attempt in range(self._recipe.config.expand.attempts):
            request = self._request(slot, attempt, pool)
            completion = await self._engine.generate(request)
            text = self._recipe.prompts.parse_instruction(completion.text)
            reason = await self._objection(slot, request, completion, text)
            if reason is None:
                self._book.keep(Stage.EXPAND, completion)
                self._registry.settle(slot.sequence, text)
                return Instruction(slot, text, attempts=attempt + 1)
            self._book.reject(request, completion, reason, text)
        self._book.exhausted(Stage.EXPAND)
        self._registry.settle(slot.sequence, None)
        return None

    def _request(self, slot: Slot, attempt: int, pool: Sequence[str]) -> Request:
        recipe = self._recipe
        request_id = f"{slot.id}/expand-{attempt}"
        rng = random.Random(f"{recipe.config.seed}:{request_id}")
        return recipe.request(
            slot,
            request_id,
            Stage.EXPAND,
            user=recipe.prompts.instruct(),
            prefill=recipe.prompts.prefill(rng.sample(pool, NUM_EXAMPLES)),
            stop=(f"\n{recipe.prompts.wording.label} {NUM_EXAMPLES + 2}",),
            attempt=attempt,
        )

    async def _objection(
        self, slot: Slot, request: Request, completion: Completion, text: str
    ) -> str | None:
        return (
            self._objection_to_form(completion, text)
            or ("near_duplicate" if self._registry.resembles_pool(text) else None)
            or await self._judge(slot, request, text)
            or ("near_duplicate" if await self._registry.resembles_accepted(slot, text) else None)
        )

    def _objection_to_form(self, completion: Completion, text: str) -> str | None:
        config, num_words = self._recipe.config.expand, count_words(text)
        if reason := failure_of(completion):
            return reason
        if completion.finish_reason is FinishReason.LENGTH:
            return "truncated"
        if num_words < config.min_words:
            return "too_short"
        return "too_long" if num_words > config.max_words else None

    async def _judge(self, slot: Slot, proposal: Request, text: str) -> str | None:
        """Ask the base model for its choice between yes and no."""
        request = self._recipe.judge_request(slot, f"{proposal.id}/judge", text)
        completion = await self._engine.generate(request)
        if reason := failure_of(completion):
            self._book.reject(request, completion, reason, text)
            return reason
        self._book.keep(Stage.JUDGE, completion)
        says_yes = _first_word(completion.text) == _first_word(self._recipe.prompts.wording.yes)
        return None if says_yes else "judged_unsuitable"


def _first_word(text: str) -> str:
    """Read `Yes.` and ` yes` as `yes`."""
    return text.strip().strip(".,!。！，\"'*").casefold()
