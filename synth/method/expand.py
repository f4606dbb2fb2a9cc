"""Self-instruct: the base model continues a list of instructions and judges its own proposal.

Source: Self-Lengthen (arXiv 2410.23933), section 3; `self_instruct`, commit 004e880.
"""

import random
from collections.abc import Sequence

from filters.instruction import WRITTEN_KINDS, kind_of, objection_to_task
from filters.text.words import count_words
from synth.engine.base import Completion, FinishReason, Request
from synth.method.judge import objection_to_instruction
from synth.method.recipe import NUM_EXAMPLES, CohortContext, Prompt, Recipe, failure_of
from synth.method.sample import Instruction
from synth.method.slots import Slot
from synth.method.stages import Stage


async def propose_instruction(
    slot: Slot, attempt: int, context: CohortContext
) -> Instruction | None:
    """Propose once; None if the proposal is malformed, already known or judged unsuitable.

    A proposal that is returned is not booked yet: it may be a near-duplicate of an earlier slot's.
    """
    recipe, book = context.recipe, context.book
    request = _request(slot, attempt, recipe, await context.registry.pool(slot))
    book.verdicts.begin(request)
    completion = await context.engine.generate(request)
    text = recipe.prompts.parse_instruction(completion.text)
    reason = (
        _objection_to_form(recipe, completion, text)
        or _objection_to_kind(text, _kind_asked(slot, attempt, recipe))
        or ("near_duplicate" if context.registry.resembles_known(text) else None)
        or await objection_to_instruction(request, text, context)
    )
    if reason is None:
        return Instruction(slot, text, attempt + 1, request, completion)
    book.reject(request, completion, reason, text)
    return None


def _request(slot: Slot, attempt: int, recipe: Recipe, pool: Sequence[str]) -> Request:
    request_id = f"{slot.id}/expand-{attempt}"
    if kind := _kind_asked(slot, attempt, recipe):
        own = [example for example in pool if kind_of(example) == kind]
        pool = own if len(own) >= NUM_EXAMPLES else pool
    examples = random.Random(f"{recipe.config.seed}:{request_id}").sample(pool, NUM_EXAMPLES)
    next_label = f"\n{recipe.prompts.wording.label} {NUM_EXAMPLES + 2}"
    return recipe.request(
        Prompt(
            request_id,
            Stage.EXPAND,
            slot.sequence,
            user=recipe.prompts.instruct(),
            prefill=recipe.prompts.prefill(examples),
            stop=("\n",) if recipe.config.expand.single_line else (next_label,),
            attempt=attempt,
        )
    )


def _objection_to_form(recipe: Recipe, completion: Completion, text: str) -> str | None:
    if reason := failure_of(completion):
        return reason
    is_cut = completion.finish_reason is FinishReason.LENGTH
    if is_cut and completion.text.rstrip().endswith(text):
        return "truncated"
    num_words = count_words(text)
    if num_words < recipe.config.expand.min_words:
        return "too_short"
    if num_words > recipe.config.expand.max_words:
        return "too_long"
    return objection_to_task(text) if recipe.config.expand.check_task else None


def _kind_asked(slot: Slot, attempt: int, recipe: Recipe) -> str | None:
    """Return the kind of text that a slot is to ask for: each has its turn.

    The second half of the attempts may ask for any, so that no slot stays empty for its kind.
    """
    expand = recipe.config.expand
    if not expand.balance or attempt >= (expand.attempts + 1) // 2:
        return None
    return WRITTEN_KINDS[slot.sequence % len(WRITTEN_KINDS)]


def _objection_to_kind(text: str, kind: str | None) -> str | None:
    return None if kind in (None, kind_of(text)) else "other_kind"
