"""`synth measure`: only the held-out answers of a macro-iteration."""

import asyncio

from rich.console import Console

from foundation.errors import EXIT_INTERRUPTED, ConfigError
from synth.config import RunConfig
from synth.display import held_out_line
from synth.engine.admission import AdmittingEngine
from synth.engine.protocol import Engine
from synth.engine_session import work_on_engine
from synth.held_out import measure, read_held_out, summarize_held_out
from synth.interruption import cancel_on_signal
from synth.pipeline.recipe import Recipe
from synth.preparation import prepare
from synth.run_directory import IterationFiles, RunDirectory


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
