"""vLLM servers that run already: what can be checked first, then connecting to them."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from foundation.packages import require
from synth.engine.protocol import Engine
from synth.interruption import Announce
from synth.pipeline.recipe import Recipe


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
