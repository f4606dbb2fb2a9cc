"""Answers to the held-out instructions on disk: written once, summed up, booked."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from foundation.atomic_file import write_json_lines
from foundation.json_file import read_rows
from synth.engine.protocol import Engine, FinishReason, Stage
from synth.errors import first_error
from synth.ledger import ERROR, MEASURED, LedgerRow
from synth.percentiles import percentiles
from synth.pipeline.held_out import answer_held_out
from synth.pipeline.recipe import Recipe
from synth.run_directory import IterationFiles

JsonRow = dict[str, Any]


async def measure(recipe: Recipe, files: IterationFiles, engine: Engine) -> list[JsonRow]:
    """Answer the held-out instructions unless an earlier run did; return all answers.

    The measure has no journal: one that was cut short is repeated.

    Raises: EngineError: the engine is gone; nothing was written.
    """
    if recipe.held_out and not files.held_out.exists():
        try:
            answers = await answer_held_out(recipe, engine)
        except ExceptionGroup as errors:
            raise first_error(errors) from None
        await asyncio.to_thread(write_json_lines, files.held_out, answers)
    return read_held_out(files)


def read_held_out(files: IterationFiles) -> list[JsonRow]:
    """Read the answers of an iteration; none if they are not complete."""
    if not files.held_out.exists():
        return []
    return list(read_rows(files.held_out))


def summarize_held_out(answers: Sequence[JsonRow]) -> JsonRow | None:
    """Sum answers up; requests that failed have no length."""
    if not answers:
        return None
    finish_reasons = [answer["finish_reason"] for answer in answers]
    num_words: Counter[float] = Counter(
        answer["num_words"] for answer in answers if answer["finish_reason"] != FinishReason.ERROR
    )
    words: dict[str, float] = {}
    if num_words:
        mean = sum(num_words.elements()) / num_words.total()
        words = {"mean": round(mean, 1), **percentiles(num_words)}
    return {
        "generator": answers[0]["generator"],
        "num_answers": num_words.total(),
        "truncated": finish_reasons.count(FinishReason.LENGTH),
        "passed": sum(answer["reason"] is None for answer in answers),
        "errors": finish_reasons.count(FinishReason.ERROR),
        "num_words": words,
    }


def ledger_rows(answers: Iterable[JsonRow]) -> list[LedgerRow]:
    """Return the ledger's rows of answers, one each."""
    return [
        {
            "stage": Stage.HELD_OUT.value,
            "outcome": ERROR if answer["finish_reason"] == FinishReason.ERROR else MEASURED,
            "requests": 1,
            **answer["tokens"],
        }
        for answer in answers
    ]
