"""Records: accepted samples with their lineage; rows: what the trainer reads."""

import random
from collections.abc import Iterable, Iterator

from filters.instruction import kind_of
from filters.text.language import language_code
from selflengthen.chat.messages import conversation
from selflengthen.contract.base import TokenCounts
from selflengthen.contract.record import Attempts, MicroIterationRow, Record, TextLengths
from selflengthen.contract.row import Row
from synth.method.prompts.prompt_set import ExtensionTask
from synth.method.recipe import Recipe
from synth.method.sample import ExtendedResponse
from synth.method.stages import ModelRole


def record_of(sample: ExtendedResponse, recipe: Recipe) -> Record:
    """Write an accepted sample down, with where it came from."""
    initial, tokens = sample.initial, sample.tokens()
    instruction = initial.instruction
    return Record(
        id=sample.id,
        iteration=recipe.iteration,
        cohort=instruction.slot.cohort,
        instruction_id=instruction.id,
        instruction=instruction.text,
        task_kind=kind_of(instruction.text),
        language=language_code(instruction.text),
        initial_response=initial.text,
        response=sample.text,
        num_words=TextLengths(initial=initial.num_words, response=sample.num_words),
        score=sample.score,
        growth=round(sample.num_words / initial.num_words, 4),
        micro_iterations=tuple(
            MicroIterationRow(
                num_words=step.num_words,
                kept=step.reason is None,
                reason=step.reason,
                score=step.score,
                splice_at=step.splice_at,
                cut_words=step.cut_words,
            )
            for step in sample.micro_iterations
        ),
        attempts=Attempts(
            expand=instruction.attempts, generate=initial.attempts, extend=sample.attempts
        ),
        model=recipe.config.model.name,
        adapters={role.value: adapter.name for role, adapter in recipe.adapters.items()},
        profile=recipe.profile.name,
        prompt_set=recipe.prompts.name,
        tokens=TokenCounts(prompt=tokens.prompt, cached=tokens.cached, generated=tokens.generated),
    )


def generator_row(record: Record, recipe: Recipe) -> Row:
    """Teach the Generator to answer an instruction with the extended response."""
    return _row(record, ModelRole.GENERATOR, record.instruction, recipe)


def extender_row(record: Record, recipe: Recipe) -> Row:
    """Teach the Extender to make the extended response from a thinned-out initial one.

    Source: Self-Lengthen (arXiv 2410.23933), section 3; `mk_data`, commit 004e880.
    """
    outline = recipe.form.training_outline(
        record.initial_response,
        recipe.config.extend.keep_line_probability,
        random.Random(f"{recipe.config.seed}:{record.id}:training-outline"),
    )
    target_growth = recipe.config.extend.target_growth
    prompt = recipe.prompts.extend_tail(ExtensionTask(record.instruction, outline, target_growth))
    return _row(record, ModelRole.EXTENDER, prompt, recipe)


def rows_of(records: Iterable[Record], role: ModelRole, recipe: Recipe) -> Iterator[Row]:
    """Yield a role's training row for every record."""
    make_row = generator_row if role is ModelRole.GENERATOR else extender_row
    return (make_row(record, recipe) for record in records)


def _row(record: Record, role: ModelRole, prompt: str, recipe: Recipe) -> Row:
    return Row(
        id=record.id,
        role=role.value,
        prompt=tuple(map(dict, conversation(prompt, recipe.config.model.system_prompt))),
        completion=({"role": "assistant", "content": record.response},),
        num_words=record.num_words.response,
        score=record.score,
        iteration=record.iteration,
    )
