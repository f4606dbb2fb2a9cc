"""`synth measure`: only the held-out answers of a macro-iteration."""

import asyncio
from dataclasses import dataclass

from rich.console import Console

from selflengthen.contract.held_out import HeldOutSummary
from selflengthen.errors import ConfigError
from selflengthen.process.signals import cancel_on_signal
from synth.config import RunConfig
from synth.display.run import held_out_line
from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.base import Engine
from synth.engine.start import PreparedEngine, prepare_engine, running_engine
from synth.method.books.measure import summarize_held_out
from synth.run.directory import IterationFiles, RunDirectory
from synth.run.prepare import PreparedRun, prepare
from synth.run.session import announcing, held
from synth.run.worker import measure


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """What a measure came to."""

    files: IterationFiles
    summary: HeldOutSummary | None
    """None if it was interrupted."""


def measure_iteration(config: RunConfig, iteration: int, directory: RunDirectory) -> MeasureResult:
    """Answer the held-out instructions as `synth run` would.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; nothing was written.
    """
    run = prepare(config, iteration, directory)
    if not run.recipe.held_out:
        raise ConfigError("held_out.num_instructions: 0; nothing to measure, set at least 1")
    if run.files.held_out.exists():
        directory.check(run.resolved)
        return _report(run.files, Console())
    engine = prepare_engine(run.recipe.engine_spec)
    with held(directory, run.resolved, run.files.engine_log) as terminal:
        return asyncio.run(_measure(run, engine, Console(file=terminal)))


async def _measure(run: PreparedRun, prepared: PreparedEngine, console: Console) -> MeasureResult:
    log, announce = run.files.engine_log, announcing(console)
    async with running_engine(prepared, log, announce) as engine:
        return await measure_with_engine(run, engine, console)


async def measure_with_engine(run: PreparedRun, engine: Engine, console: Console) -> MeasureResult:
    """Measure on an engine that is ready."""
    measuring = asyncio.create_task(measure(run.recipe, run.files, AdmittingEngine(engine)))
    interrupted = cancel_on_signal(measuring)
    try:
        await measuring
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
        return MeasureResult(run.files, None)
    return _report(run.files, console)


def _report(files: IterationFiles, console: Console) -> MeasureResult:
    summary = summarize_held_out(files.read_held_out())
    assert summary is not None
    console.print(f"{held_out_line(summary)}: {files.held_out}", soft_wrap=True, markup=False)
    return MeasureResult(files, summary)
