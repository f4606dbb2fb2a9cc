"""`synth serve-command`: the line that starts a vLLM server like a configuration's own engine."""

import os
import shlex
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from selflengthen.adapter.config import MAX_SERVED_RANK, SERVED_RANKS
from selflengthen.adapter.named import Adapter
from selflengthen.adapter.served import load_adapter
from selflengthen.errors import ConfigError
from selflengthen.packages import require
from selflengthen.process.output_redirect import redirected_output
from selflengthen.settings import is_reference
from synth.config import RunConfig
from synth.engine.base import EngineSpec
from synth.engine.inprocess.settings import (
    check_names,
    environment_of,
    lora_settings,
    refuse_own_keys,
)

_ROLES = ("generator", "extender")
_RUNTIME_ADAPTERS = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"}
# What the run's ledger counts as cached.
_CACHED_TOKENS = {"enable_prompt_tokens_details": True}
# The command of the CPU package fails, for want of metadata under vLLM's name.
_MODULE = "python -m vllm.entrypoints.openai.api_server"


def serve_command(config: RunConfig, lora_rank: int | None = None) -> str:
    """Return the command, one option a line.

    Args:
        lora_rank: Largest rank of adapters that a run brings later; None: it brings none but those
            that are configured.

    Raises: ConfigError: vLLM refuses a setting or is not installed, or an adapter cannot be served.
    """
    if is_reference(config.engine.kind):
        raise ConfigError(
            f"engine.kind: {config.engine.kind} is not vLLM; set it to vllm or server"
        )
    require("synth serve-command", ("vllm",))
    refuse_own_keys(config.engine)
    spec = EngineSpec(config.model, config.engine, _adapters(config))
    return command_of(_settings(spec, lora_rank), spec)


def command_of(settings: Mapping[str, Any], spec: EngineSpec) -> str:
    """Return the command for vLLM's engine arguments."""
    environment = environment_of(spec.config)
    if settings.get("enable_lora"):
        environment |= _RUNTIME_ADAPTERS
    arguments = {key: value for key, value in settings.items() if key != "model"}
    lines = [
        " ".join(f"{name}={shlex.quote(text)}" for name, text in environment.items()),
        _program(spec.model.name),
        *options(arguments | _CACHED_TOKENS),
        *_preloaded(spec.adapters),
    ]
    return " \\\n    ".join(filter(None, lines))


def options(settings: Mapping[str, Any]) -> Iterable[str]:
    """Yield engine arguments as options of vLLM's command line, quoted for a shell."""
    for key, value in settings.items():
        name = key.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{name}" if value else f"--no-{name}"
        elif isinstance(value, list):
            yield shlex.join([f"--{name}", *map(_word, value)])
        else:
            yield shlex.join([f"--{name}", _word(value)])


def _word(value: object) -> str:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else str(value)


def _settings(spec: EngineSpec, lora_rank: int | None) -> dict[str, Any]:
    """Return the engine arguments, seen by vLLM.

    Raises: ConfigError: it refuses one.
    """
    os.environ.update(environment_of(spec.config))
    with redirected_output(Path(os.devnull)):
        from synth.engine.vllm import check_values, engine_settings, installed

        check_names(spec.config, installed())
        settings = engine_settings(spec)
        if lora_rank is not None:
            largest = max([lora_rank, *(adapter.served_rank for adapter in spec.adapters)])
            settings |= lora_settings(len(_ROLES), served_rank(largest))
        check_values(spec.config, settings)
    return settings


def served_rank(rank: int) -> int:
    """Return the smallest rank that vLLM can be started for, at least so large.

    Raises: ConfigError: there is none.
    """
    found = next((served for served in SERVED_RANKS if served >= rank), None)
    if found is None:
        raise ConfigError(f"--lora-rank {rank}: vLLM serves ranks up to {MAX_SERVED_RANK}")
    return found


def _adapters(config: RunConfig) -> tuple[Adapter, ...]:
    """Load the configured adapters, under the names that they have in iteration 1."""
    paths = {role: getattr(config.adapters, role) for role in _ROLES}
    return tuple(
        load_adapter(f"{role}@0", Path(path), config.model.name)
        for role, path in paths.items()
        if path
    )


def _preloaded(adapters: Iterable[Adapter]) -> Iterable[str]:
    modules = [f"{adapter.name_on_servers}={adapter.path.resolve()}" for adapter in adapters]
    return [shlex.join(["--lora-modules", *modules])] if modules else []


def _program(model: str) -> str:
    try:
        version("vllm")
    except PackageNotFoundError:
        return f"{_MODULE} --model {shlex.quote(model)}"
    return f"vllm serve {shlex.quote(model)}"
