"""Starting the engine that the configuration names."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from selflengthen.errors import ConfigError
from selflengthen.packages import require
from selflengthen.plugins import resolve
from selflengthen.process.output_redirect import redirected_output
from selflengthen.process.signals import Announce, leaving_on_signal
from selflengthen.settings import is_reference
from synth.engine.base import Engine, EngineSpec
from synth.engine.errors import EngineError
from synth.engine.inprocess.settings import levers_of, refuse_own_keys, tell
from synth.engine.restarting import RestartingEngine

if TYPE_CHECKING:
    from synth.engine.chat import ChatTokenizer

# Read by the libraries when they are imported.
_NO_TELEMETRY = ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY")
_ERROR_LINE = re.compile(r"(?:^|\s)([\w.]*(?:Error|Exception): .+)$")
# Said by the process that waits for the one that failed.
_CONSEQUENCE = re.compile(r"initialization failed|Failed core proc|died unexpectedly")
_MAX_CHARS = 300


class PreparedEngine(Protocol):
    """An engine that can be started: all that can be checked before was."""

    async def start(self, log: Path, announce: Announce) -> Engine:
        """Start it.

        Args:
            log: What the engine's libraries print.
            announce: Told what happens to the engine.

        Raises: EngineError: it does not start, and why.
        """


def prepare_engine(spec: EngineSpec) -> PreparedEngine:
    """Check what can be checked before an engine starts.

    Raises: ConfigError: the model or a setting cannot be used, or a package is missing.
    """
    for switch in _NO_TELEMETRY:
        os.environ.setdefault(switch, "1")
    refuse_own_keys(spec.config)
    if is_reference(spec.config.kind):
        return PreparedOwn(spec)
    return PreparedServers(spec) if spec.config.kind == "server" else PreparedVllm(spec)


@asynccontextmanager
async def running_engine(
    prepared: PreparedEngine, log: Path, announce: Announce
) -> AsyncIterator[Engine]:
    """Run an engine while the block lasts.

    Raises: EngineError: it does not start or dies again and again, with the reason of its log.
    """
    try:
        engine = await prepared.start(log, announce)
        try:
            yield engine
        finally:
            await engine.close()
    except EngineError as error:
        raise EngineError(f"{error}; the engine's log: {log}") from error


class PreparedOwn:
    """A person's own engine."""

    def __init__(self, spec: EngineSpec) -> None:
        """Find its class.

        Raises: ConfigError: there is none.
        """
        self._make = resolve("engine.kind", spec.config.kind)
        if not hasattr(self._make, "generate"):
            raise ConfigError(
                f"engine.kind: {spec.config.kind} has no method generate; see docs/extending.md"
            )
        self._spec = spec

    async def start(self, _log: Path, announce: Announce) -> Engine:
        """Make one."""
        announce(f"starting {self._spec.config.kind}")
        engine: Engine = self._make(self._spec)
        return engine


class PreparedServers:
    """vLLM servers that run already."""

    def __init__(self, spec: EngineSpec) -> None:
        """Check that there is what asking servers needs.

        Raises: ConfigError: a package is missing, or the tokenizer cannot be used.
        """
        require("engine.kind server", ("httpx", "transformers"), "pip install '.[server]'")
        self._spec = spec
        self._chat = _load_chat(spec)

    async def start(self, _log: Path, announce: Announce) -> Engine:
        """Connect to the servers."""
        from synth.engine.fleet import Fleet
        from synth.engine.server_connection import connect

        config = self._spec.config
        announce(f"connecting to {', '.join(config.urls)}")
        servers = {url: partial(connect, url, self._spec, self._chat) for url in config.urls}
        return await Fleet.start(servers, config, announce)


class PreparedVllm:
    """vLLM in this process, which is replaced when it dies."""

    def __init__(self, spec: EngineSpec) -> None:
        """Check the model, and what only vLLM knows, if there is any.

        Raises: ConfigError: the model or a setting cannot be used, or a package is missing.
        """
        require("engine", ("vllm", "torch", "transformers"), "pip install '.[gpu]' or '.[cpu]'")
        from synth.engine.chat import check_model_length

        check_model_length(spec.model, spec.config.max_model_len)
        self._spec = spec
        self._chat = _load_chat(spec)
        _check_levers(spec)

    async def start(self, log: Path, announce: Announce) -> Engine:
        """Start vLLM."""
        announce(f"starting vLLM on {self._spec.model.name}; its log: {log}")
        start_once = partial(self._start_once, log, announce)
        return RestartingEngine(await start_once(), start_once, self._spec.config, announce)

    async def _start_once(self, log: Path, announce: Announce) -> Engine:
        log_start = log.stat().st_size
        try:
            with leaving_on_signal(announce):
                from synth.engine.vllm import VllmEngine

                return await VllmEngine.start(self._spec, self._chat)
        except EngineError as error:
            raise EngineError(root_cause(log, log_start) or str(error)) from error


def _check_levers(spec: EngineSpec) -> None:
    """Ask vLLM about settings that it alone can judge; it takes seconds to import.

    Raises: ConfigError: it does not know a setting, or cannot do it.
    """
    # Modules of vLLM look there when they are imported.
    tell(spec.config)
    if not (levers_of(spec.config) or spec.config.reproducible):
        return
    with redirected_output(Path(os.devnull)):
        from synth.engine.vllm import check_settings

        check_settings(spec)


def _load_chat(spec: EngineSpec) -> "ChatTokenizer":
    from synth.engine.chat import ChatTokenizer

    chat = ChatTokenizer.load(spec.model, spec.today)
    if spec.choices:
        chat.check_choices(spec.choices)
    return chat


def root_cause(log: Path, start: int) -> str | None:
    """Return the last error line from byte `start` on that is no mere consequence of another.

    vLLM's exceptions only say that it did not start.
    """
    for line in reversed(log.read_bytes()[start:].decode("utf-8", "replace").splitlines()):
        match = _ERROR_LINE.search(line)
        if match and not _CONSEQUENCE.search(line):
            return match[1][:_MAX_CHARS]
    return None
