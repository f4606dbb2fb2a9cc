"""Starting the engine that the configuration names."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console

from synth.engine.protocol import Engine
from synth.errors import EngineError
from synth.interruption import Announce
from synth.pipeline.recipe import Recipe
from synth.run_directory import IterationFiles
from synth.server_start import prepare_servers
from synth.vllm_start import prepare_vllm, start_restarting

StartEngine = Callable[[Path, Announce], Awaitable[Engine]]
"""Starts an engine, given the file that it logs to and where to say what happens to it."""

# Read by the libraries when they are imported.
_NO_TELEMETRY = ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY")


def prepare_engine(recipe: Recipe) -> StartEngine:
    """Check what can be checked before an engine starts.

    Raises: ConfigError: the model cannot be used, or a package is missing.
    """
    for switch in _NO_TELEMETRY:
        os.environ.setdefault(switch, "1")
    if recipe.config.engine.kind == "server":
        return prepare_servers(recipe)
    start_vllm = prepare_vllm(recipe)

    async def start(log: Path, announce: Announce) -> Engine:
        return await start_restarting(recipe, start_vllm, log, announce)

    return start


@asynccontextmanager
async def running_engine(
    files: IterationFiles, start_engine: StartEngine, console: Console
) -> AsyncIterator[Engine]:
    """Run an engine while the block lasts.

    Raises: EngineError: it does not start or dies again and again, with the reason of its log.
    """
    log = files.engine_log

    def announce(message: str) -> None:
        console.print(message, soft_wrap=True, markup=False, highlight=False)

    try:
        engine = await start_engine(log, announce)
        try:
            yield engine
        finally:
            await engine.close()
    except EngineError as error:
        raise EngineError(f"{error}; the engine's log: {log}") from error
