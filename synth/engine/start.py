"""Starting the engine that the configuration names."""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from selflengthen.packages import require
from selflengthen.process.signals import Announce, leaving_on_signal
from synth.engine.base import Engine
from synth.engine.errors import EngineError
from synth.engine.restarting import EngineStarter, RestartingEngine
from synth.method.recipe import Recipe
from synth.run.directory import IterationFiles

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


def prepare_servers(recipe: Recipe) -> Callable[[Path, Announce], Awaitable[Engine]]:
    """Check that there is what asking servers needs.

    Raises: ConfigError: a package is missing, or the tokenizer cannot be used.
    """
    require("engine.kind server", ("httpx", "transformers"), "pip install '.[server]'")

    from synth.engine.chat import ChatTokenizer
    from synth.engine.fleet import Fleet
    from synth.engine.server_connection import connect

    config = recipe.config
    chat = ChatTokenizer.load(config.model, recipe.today)
    chat.check_choices(recipe.prompts.wording.answers)
    servers = {
        url: partial(connect, url, config.model, config.engine, recipe.adapters, chat)
        for url in config.engine.urls
    }

    async def start(_log: Path, announce: Announce) -> Engine:
        announce(f"connecting to {', '.join(servers)}")
        return await Fleet.start(servers, config.engine, announce)

    return start


def prepare_vllm(recipe: Recipe) -> EngineStarter:
    """Check the model; vLLM itself is imported only when the engine starts."""
    require("engine", ("vllm", "torch", "transformers"), "pip install '.[gpu]' or '.[cpu]'")
    from synth.engine.chat import ChatTokenizer, check_model_length

    config = recipe.config
    check_model_length(config.model, config.engine.max_model_len)
    chat = ChatTokenizer.load(config.model, recipe.today)
    chat.check_choices(recipe.prompts.wording.answers)

    async def start() -> Engine:
        from synth.engine.vllm import VllmEngine

        return await VllmEngine.start(config.model, config.engine, recipe.adapters, chat)

    return start


async def start_restarting(
    recipe: Recipe, start_engine: EngineStarter, log: Path, announce: Announce
) -> Engine:
    """Start vLLM, which is replaced when it dies.

    Raises: EngineError: it does not start, with the reason of its log.
    """

    async def start() -> Engine:
        log_start = log.stat().st_size
        try:
            with leaving_on_signal(announce):
                return await start_engine()
        except EngineError as error:
            raise EngineError(root_cause(log, log_start) or str(error)) from error

    announce(f"starting vLLM on {recipe.config.model.name}; its log: {log}")
    return RestartingEngine(await start(), start, recipe.config.engine, announce)


_ERROR_LINE = re.compile(r"(?:^|\s)([\w.]*(?:Error|Exception): .+)$")
# Said by the process that waits for the one that failed.
_CONSEQUENCE = re.compile(r"initialization failed|Failed core proc|died unexpectedly")
_MAX_CHARS = 300


def root_cause(log: Path, start: int) -> str | None:
    """Return the last error line from byte `start` on that is no mere consequence of another."""
    for line in reversed(log.read_bytes()[start:].decode("utf-8", "replace").splitlines()):
        match = _ERROR_LINE.search(line)
        if match and not _CONSEQUENCE.search(line):
            return match[1][:_MAX_CHARS]
    return None
