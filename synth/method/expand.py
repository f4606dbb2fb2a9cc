"""Self-instruct: the base model continues a list of instructions and judges its own proposal.

Source: Self-Lengthen (arXiv 2410.23933), section 3; `self_instruct`, commit 004e880.
"""

import random
from collections.abc import Sequence

from filters import count_words
from synth.engine.base import Completion, Engine, FinishReason, Request, Stage
from synth.method.books.book import CohortBook
from synth.method.recipe import NUM_EXAMPLES, Recipe, failure_of
from synth.method.registry import Registry
from synth.method.sample import Instruction, Slot


async def propose_instruction(
    slot: Slot,
    attempt: int,
    recipe: Recipe,
    engine: Engine,
    registry: Registry,
    book: CohortBook,
) -> Instruction | None:
    """Propose once; None if the proposal is malformed, already known or judged unsuitable.

    A proposal that is returned is not booked yet: it may be a near-duplicate of an earlier slot's.
    """
    request = _request(slot, attempt, recipe, await registry.pool(slot))
    book.verdicts.begin(request)
    completion = await engine.generate(request)
    text = recipe.prompts.parse_instruction(completion.text)
    reason = (
        _objection_to_form(recipe, completion, text)
        or ("near_duplicate" if registry.resembles_known(text) else None)
        or await _judge(slot, request, text, recipe, engine, book)
    )
    if reason is None:
        return Instruction(slot, text, attempt + 1, request, completion)
    book.reject(request, completion, reason, text)
    return None


def _request(slot: Slot, attempt: int, recipe: Recipe, pool: Sequence[str]) -> Request:
    request_id = f"{slot.id}/expand-{attempt}"
    examples = random.Random(f"{recipe.config.seed}:{request_id}").sample(pool, NUM_EXAMPLES)
    next_label = f"\n{recipe.prompts.wording.label} {NUM_EXAMPLES + 2}"
    return recipe.request(
        slot,
        request_id,
        Stage.EXPAND,
        user=recipe.prompts.instruct(),
        prefill=recipe.prompts.prefill(examples),
        stop=("\n",) if recipe.config.expand.single_line else (next_label,),
        attempt=attempt,
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
    return "too_long" if num_words > recipe.config.expand.max_words else None


async def _judge(
    slot: Slot, proposal: Request, text: str, recipe: Recipe, engine: Engine, book: CohortBook
) -> str | None:
    """Ask the base model for its choice between yes and no."""
    request = recipe.judge_request(slot, f"{proposal.id}/judge", text)
    completion = await engine.generate(request)
    if reason := failure_of(completion):
        book.write_down(request, completion, reason, text)
        return reason
    book.keep(Stage.JUDGE, completion)
    says_yes = _bare(completion.text) == _bare(recipe.prompts.wording.answer_yes)
    return None if says_yes else "judged_unsuitable"


def _bare(text: str) -> str:
    """Read `Yes.` and ` yes` as `yes`."""
    return text.strip().strip(".,!。！，\"'*").casefold()
