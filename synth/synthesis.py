"""`synth run`: prepare, start the engine, run the iteration, report, leave cleanly."""

import asyncio
from contextlib import suppress
from typing import Any

import orjson
from rich.console import Console

from foundation.atomic_file import write_json
from foundation.errors import EXIT_FEWER_THAN_ASKED, EXIT_INTERRUPTED
from foundation.json_file import read_json
from synth.config import RunConfig
from synth.display import final_table
from synth.engine.protocol import Engine
from synth.engine_session import work_on_engine
from synth.interruption import cancel_on_signal
from synth.pipeline.recipe import Recipe
from synth.preparation import prepare
from synth.reporter import Reporter
from synth.run import Run
from synth.run_directory import IterationFiles, RunDirectory
from synth.shard import write_manifest
from synth.tally import Tally

JsonRow = dict[str, Any]


def run_iteration(config: RunConfig, iteration: int, directory: RunDirectory) -> int:
    """Synthesize one macro-iteration of data, or what is left of it; return the exit code.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    files = directory.iteration(iteration)
    recipe, resolved = prepare(config, iteration, directory)
    if files.manifest.exists():
        directory.claim(resolved)
        Console().print(f"iteration {iteration} is complete already: {files.folder}", markup=False)
        return _exit_code(read_json(files.metrics, "restore it, or start in another directory"))
    return work_on_engine(recipe, resolved, directory, run_with_engine)


async def run_with_engine(
    recipe: Recipe, files: IterationFiles, engine: Engine, console: Console
) -> int:
    """Run an iteration on an engine that is ready; return the exit code."""
    tally = Tally()
    run = Run(recipe, files, engine, tally)
    reporter = Reporter(
        recipe.config,
        recipe.iteration,
        tally,
        files,
        console,
        run=run,
        seconds_before=_seconds_before(files),
    )
    stop = asyncio.Event()
    reporting = asyncio.create_task(reporter.report(engine, stop))
    running = asyncio.create_task(run.synthesize())
    interrupted = cancel_on_signal(running)
    state = "interrupted"
    try:
        await running
        state = "complete"
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
    finally:
        stop.set()
        await asyncio.wait([reporting])
        summary = reporter.summary(state, engine.load())
        write_json(files.metrics, summary)
    if state == "complete":
        write_manifest(files)
    console.print(final_table(summary, str(files.folder)))
    reporting.result()
    return EXIT_INTERRUPTED if interrupted.is_set() else _exit_code(summary)


def _seconds_before(files: IterationFiles) -> float:
    """Read how long earlier, interrupted runs of this iteration took."""
    with suppress(FileNotFoundError, orjson.JSONDecodeError):
        return float(orjson.loads(files.metrics.read_bytes())["seconds"])
    return 0.0


def _exit_code(summary: JsonRow) -> int:
    enough = summary["samples"]["instructions"] >= summary["asked"]
    return 0 if enough else EXIT_FEWER_THAN_ASKED
