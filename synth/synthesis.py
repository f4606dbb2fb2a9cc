"""`synth run`: prepare, start the engine, run the iteration, report, leave cleanly."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, TextIO

import orjson
from rich.console import Console

from foundation.atomic_file import write_json
from foundation.errors import EXIT_FEWER_THAN_ASKED, EXIT_INTERRUPTED, ConfigError
from synth.config import RunConfig
from synth.display import final_table
from synth.engine.protocol import Engine
from synth.engine_log import root_cause
from synth.errors import EngineError
from synth.output_redirect import redirected_output
from synth.pipeline.recipe import Recipe
from synth.preparation import prepare
from synth.reporter import Reporter
from synth.run import Run
from synth.run_directory import IterationFiles, RunDirectory
from synth.shard import write_manifest
from synth.tally import Tally

JsonRow = dict[str, Any]
EngineStarter = Callable[[], Awaitable[Engine]]

# Read by the libraries when they are imported.
_NO_TELEMETRY = ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY")


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
        return _exit_code(orjson.loads(files.metrics.read_bytes()))
    start_engine = _prepare_engine(recipe)
    with directory.locked():
        directory.claim(resolved)
        with redirected_output(files.engine_log) as terminal:
            return asyncio.run(_synthesize(recipe, files, start_engine, terminal))


def _prepare_engine(recipe: Recipe) -> EngineStarter:
    """Check the model; vLLM itself is imported only when the engine starts."""
    for switch in _NO_TELEMETRY:
        os.environ.setdefault(switch, "1")
    if find_spec("vllm") is None:
        raise ConfigError("engine: vllm is not installed; pip install '.[gpu]' or '.[cpu]'")
    from synth.engine.chat import ChatTokenizer, check_model_length

    config, wording = recipe.config, recipe.prompts.wording
    check_model_length(config.model, config.engine.max_model_len)
    chat = ChatTokenizer.load(config.model)
    chat.check_choices((wording.answer_yes, wording.answer_no))

    async def start() -> Engine:
        from synth.engine.vllm import VllmEngine

        return await VllmEngine.start(config.model, config.engine, recipe.adapters, chat)

    return start


async def _synthesize(
    recipe: Recipe, files: IterationFiles, start_engine: EngineStarter, terminal: TextIO
) -> int:
    console = Console(file=terminal)
    starting = f"starting vLLM on {recipe.config.model.name}; its log: {files.engine_log}"
    console.print(starting, soft_wrap=True, markup=False)
    log_start = files.engine_log.stat().st_size
    try:
        engine = await start_engine()
    except EngineError as error:
        cause = root_cause(files.engine_log, log_start)
        raise EngineError(f"{cause or error}; vLLM's log: {files.engine_log}") from error
    try:
        return await run_with_engine(recipe, files, engine, console)
    finally:
        await engine.close()


async def run_with_engine(
    recipe: Recipe, files: IterationFiles, engine: Engine, console: Console
) -> int:
    """Run an iteration on an engine that is ready; return the exit code."""
    tally = Tally()
    reporter = Reporter(
        recipe.config,
        recipe.iteration,
        tally,
        files,
        console,
        seconds_before=_seconds_before(files),
    )
    stop = asyncio.Event()
    reporting = asyncio.create_task(reporter.report(engine, stop))
    running = asyncio.create_task(Run(recipe, files, engine, tally).synthesize())
    interrupted = _cancel_on_signal(running)
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


def _cancel_on_signal(task: "asyncio.Task[None]") -> asyncio.Event:
    """Cancel on the first Ctrl-C or SIGTERM; a second one acts as it would without us."""
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        task.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    return interrupted


def _seconds_before(files: IterationFiles) -> float:
    """Read how long earlier, interrupted runs of this iteration took."""
    with suppress(FileNotFoundError, orjson.JSONDecodeError):
        return float(orjson.loads(files.metrics.read_bytes())["seconds"])
    return 0.0


def _exit_code(summary: JsonRow) -> int:
    enough = summary["samples"]["instructions"] >= summary["asked"]
    return 0 if enough else EXIT_FEWER_THAN_ASKED
