"""vLLM in this process: what can be checked first, then its start, and why it does not start."""

from pathlib import Path

from foundation.packages import require
from synth.engine.protocol import Engine
from synth.engine.restarting import EngineStarter, RestartingEngine
from synth.engine_log import root_cause
from synth.errors import EngineError
from synth.interruption import Announce, leaving_on_signal
from synth.pipeline.recipe import Recipe


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
