"""Records: accepted samples with their lineage; rows: what the trainer reads."""

import random
from collections.abc import Iterator
from typing import Any

from filters.language import language_code
from synth.method.recipe import Recipe
from synth.method.sample import ExtendedResponse
from synth.method.stages import ModelRole

JsonRow = dict[str, Any]


def record_of(sample: ExtendedResponse, recipe: Recipe) -> JsonRow:
    """Write an accepted sample down, with where it came from."""
    initial, tokens = sample.initial, sample.tokens()
    instruction = initial.instruction
    return {
        "id": sample.id,
        "iteration": recipe.iteration,
        "cohort": instruction.slot.cohort,
        "instruction_id": instruction.id,
        "instruction": instruction.text,
        "language": language_code(instruction.text),
        "initial_response": initial.text,
        "response": sample.text,
        "num_words": {"initial": initial.num_words, "response": sample.num_words},
        "growth": round(sample.num_words / initial.num_words, 4),
        "micro_iterations": [
            {"num_words": step.num_words, "kept": step.reason is None, "reason": step.reason}
            for step in sample.micro_iterations
        ],
        "attempts": {
            "expand": instruction.attempts,
            "generate": initial.attempts,
            "extend": sample.attempts,
        },
        "model": recipe.config.model.name,
        "adapters": {role.value: adapter.name for role, adapter in recipe.adapters.items()},
        "profile": recipe.profile.profile,
        "prompt_set": recipe.prompts.name,
        "tokens": {
            "prompt": tokens.prompt,
            "cached": tokens.cached,
            "generated": tokens.generated,
        },
    }


def generator_row(record: JsonRow, recipe: Recipe) -> JsonRow:
    """Teach the Generator to answer an instruction with the extended response."""
    return _row(record, ModelRole.GENERATOR, record["instruction"], recipe)


def extender_row(record: JsonRow, recipe: Recipe) -> JsonRow:
    """Teach the Extender to make the extended response from a thinned-out initial one.

    Source: Self-Lengthen (arXiv 2410.23933), section 3; `mk_data`, commit 004e880.
    """
    outline = recipe.form.training_outline(
        record["initial_response"],
        recipe.config.extend.keep_line_probability,
        random.Random(f"{recipe.config.seed}:{record['id']}:training-outline"),
    )
    prompt = recipe.prompts.extend(record["instruction"], outline)
    return _row(record, ModelRole.EXTENDER, prompt, recipe)


def rows_of(records: Iterator[JsonRow], role: ModelRole, recipe: Recipe) -> Iterator[JsonRow]:
    """Yield a role's training row for every record."""
    make_row = generator_row if role is ModelRole.GENERATOR else extender_row
    return (make_row(record, recipe) for record in records)


def _row(record: JsonRow, role: ModelRole, prompt: str, recipe: Recipe) -> JsonRow:
    system_prompt = recipe.config.model.system_prompt
    system = [] if system_prompt is None else [{"role": "system", "content": system_prompt}]
    return {
        "id": record["id"],
        "role": role.value,
        "prompt": [*system, {"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": record["response"]}],
        "num_words": record["num_words"]["response"],
        "iteration": record["iteration"],
    }
