"""Starting vLLM: what can be checked first, then the engine, and why it does not start."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from rich.console import Console

from foundation.errors import ConfigError
from synth.engine.protocol import Engine
from synth.engine.restarting import EngineStarter, RestartingEngine
from synth.engine_log import root_cause
from synth.errors import EngineError
from synth.interruption import leaving_on_signal
from synth.pipeline.recipe import Recipe
from synth.run_directory import IterationFiles

# Read by the libraries when they are imported.
_NO_TELEMETRY = ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY")


def prepare_engine(recipe: Recipe) -> EngineStarter:
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


@asynccontextmanager
async def running_engine(
    recipe: Recipe, files: IterationFiles, start_engine: EngineStarter, console: Console
) -> AsyncIterator[Engine]:
    """Run an engine while the block lasts; one that dies is replaced.

    Raises: EngineError: vLLM does not start or dies again and again, with the reason of its log.
    """
    log = files.engine_log

    def say(message: str) -> None:
        console.print(message, soft_wrap=True, markup=False, highlight=False)

    async def start() -> Engine:
        log_start = log.stat().st_size
        try:
            with leaving_on_signal(say):
                return await start_engine()
        except EngineError as error:
            raise EngineError(root_cause(log, log_start) or str(error)) from error

    say(f"starting vLLM on {recipe.config.model.name}; its log: {log}")
    try:
        engine = RestartingEngine(await start(), start, recipe.config.engine, say)
        try:
            yield engine
        finally:
            await engine.close()
    except EngineError as error:
        raise EngineError(f"{error}; vLLM's log: {log}") from error
