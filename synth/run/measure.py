"""`synth measure`: only the held-out answers of a macro-iteration."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console

from selflengthen.errors import EXIT_INTERRUPTED, ConfigError
from selflengthen.files.atomic_file import write_json_lines
from selflengthen.files.json_file import read_rows
from selflengthen.percentiles import percentiles
from selflengthen.process.signals import cancel_on_signal
from selflengthen.tasks import first_error
from synth.config import RunConfig
from synth.display.run import held_out_line
from synth.engine.admission import AdmittingEngine
from synth.engine.base import Engine, FinishReason, Stage
from synth.method.books.ledger import ERROR, MEASURED, LedgerRow
from synth.method.held_out import answer_held_out
from synth.method.recipe import Recipe
from synth.run.directory import IterationFiles, RunDirectory
from synth.run.prepare import prepare
from synth.run.session import work_on_engine


def measure_iteration(config: RunConfig, iteration: int, directory: RunDirectory) -> int:
    """Answer the held-out instructions as `synth run` would; return the exit code.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; nothing was written.
    """
    files = directory.iteration(iteration)
    recipe, resolved = prepare(config, iteration, directory)
    if not recipe.held_out:
        raise ConfigError("held_out.num_instructions: 0; nothing to measure, set at least 1")
    if files.held_out.exists():
        directory.check(resolved)
        _report(files, Console())
        return 0
    return work_on_engine(recipe, resolved, directory, measure_with_engine)


async def measure_with_engine(
    recipe: Recipe, files: IterationFiles, engine: Engine, console: Console
) -> int:
    """Measure on an engine that is ready; return the exit code."""
    measuring = asyncio.create_task(measure(recipe, files, AdmittingEngine(engine)))
    interrupted = cancel_on_signal(measuring)
    try:
        await measuring
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
        return EXIT_INTERRUPTED
    _report(files, console)
    return 0


def _report(files: IterationFiles, console: Console) -> None:
    summary = summarize_held_out(read_held_out(files))
    assert summary is not None
    console.print(f"{held_out_line(summary)}: {files.held_out}", soft_wrap=True, markup=False)


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
