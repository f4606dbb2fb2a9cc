"""Starting vLLM: what can be checked first, then the engine, and why it does not start."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec

from rich.console import Console

from foundation.errors import ConfigError
from synth.engine.protocol import Engine
from synth.engine_log import root_cause
from synth.errors import EngineError
from synth.pipeline.recipe import Recipe
from synth.run_directory import IterationFiles

EngineStarter = Callable[[], Awaitable[Engine]]

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
    """Run an engine while the block lasts.

    Raises: EngineError: vLLM does not start, with the reason that its log gives.
    """
    starting = f"starting vLLM on {recipe.config.model.name}; its log: {files.engine_log}"
    console.print(starting, soft_wrap=True, markup=False)
    log_start = files.engine_log.stat().st_size
    try:
        engine = await start_engine()
    except EngineError as error:
        cause = root_cause(files.engine_log, log_start)
        raise EngineError(f"{cause or error}; vLLM's log: {files.engine_log}") from error
    try:
        yield engine
    finally:
        await engine.close()
