"""`adapter_config.json` of a PEFT adapter: read, and refused where vLLM would not serve it."""

import re
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from selflengthen.errors import AdapterError
from selflengthen.files.regular_file import open_regular

SERVED_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM serves; an adapter takes the smallest that holds it."""
MAX_SERVED_RANK = SERVED_RANKS[-1]
OUTSIDE_DECODER = frozenset({"embed_tokens", "lm_head", "wte", "embed_out"})
"""Last parts of the names of embeddings and heads; an update of a head kills vLLM 0.32's core."""

CONFIG_FILE = "adapter_config.json"
# Features that `PEFTHelper` of vLLM 0.32 refuses or does not read.
_NOT_SERVED = (
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "layer_replication",
    "target_parameters",
    "use_bdlora",
    "use_qalora",
)
# `PEFTHelper._init_is_supported` of vLLM 0.32: those that leave the base's weights as they are.
_SERVED_INITS = frozenset({"gaussian", "eva", "orthogonal", "mica", "lora_ga"})


class AdapterConfig(BaseModel):
    """What the checks, vLLM and PEFT read; PEFT writes many more keys."""

    model_config = ConfigDict(frozen=True, strict=True)

    r: int = Field(ge=1, le=MAX_SERVED_RANK)
    """Rank."""
    lora_alpha: float = Field(gt=0)
    """Scale: an update counts alpha / rank times."""
    use_rslora: bool = False
    """Rank-stabilized scale."""
    base_model_name_or_path: str = Field(min_length=1)
    """Hub id or folder of the base model."""
    revision: str | None = None
    """Branch, tag or commit of a Hub base."""
    target_modules: list[str] | str
    """Names of the updated layers, or a pattern."""
    rank_pattern: dict[str, int] = {}
    """Patterns of layer names with another rank."""
    alpha_pattern: dict[str, float] = {}
    """Patterns of layer names with another scale."""
    fan_in_fan_out: bool = False
    """The base stores its weights as [in, out]."""

    @property
    def served_rank(self) -> int:
        """The rank that an engine must be started with, also for patterns that match no layer.

        Source: vLLM 0.32, `PEFTHelper.validate_legal` in `lora/peft_helper.py`.
        """
        largest = max([self.r, *self.rank_pattern.values()])
        return next(rank for rank in SERVED_RANKS if rank >= largest)

    def rank_of(self, module: str) -> int:
        """Return a layer's rank.

        Source: PEFT, `get_pattern_key` in `utils/other.py`: the first match wins.
        """
        for pattern, rank in self.rank_pattern.items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                return rank
        return self.r


def read_adapter_config(folder: Path) -> AdapterConfig:
    """Read an adapter's configuration.

    Raises: AdapterError: it is missing or wrong, or vLLM would not serve the adapter.
    """
    path = folder / CONFIG_FILE
    tree = _read_object(path)
    _refuse_not_served(path, tree)
    try:
        config = AdapterConfig.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise AdapterError(
            f"{path}: {key}: {first['msg'].lower()}, got {first['input']!r:.200}; "
            "train a plain LoRA adapter"
        ) from None
    _check_rank_patterns(path, config)
    return config


def _read_object(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path) as file:
            tree = orjson.loads(file.read())
    except OSError as error:
        raise AdapterError(
            f"{path}: cannot read: {error.strerror}; give the folder of a PEFT adapter"
        ) from None
    except orjson.JSONDecodeError as error:
        raise AdapterError(f"{path}: not JSON: {error}; restore it or train again") from None
    if not isinstance(tree, dict):
        raise AdapterError(f"{path}: not an object; restore it or train again")
    return tree


def _refuse_not_served(path: Path, tree: dict[str, Any]) -> None:
    peft_type, bias, init = (tree.get(key) for key in ("peft_type", "bias", "init_lora_weights"))
    found = {key: tree[key] for key in _NOT_SERVED if tree.get(key)}
    if peft_type != "LORA":
        found = {"peft_type": peft_type}
    if bias not in (None, "none"):
        found["bias"] = bias
    if isinstance(init, str) and init.lower() not in _SERVED_INITS:
        found["init_lora_weights"] = init
    for key, value in found.items():
        raise AdapterError(
            f"{path}: {key} is {value!r:.200}, which vLLM does not serve; train a plain LoRA "
            "adapter without it"
        )


def _check_rank_patterns(path: Path, config: AdapterConfig) -> None:
    for pattern, rank in config.rank_pattern.items():
        if not 1 <= rank <= MAX_SERVED_RANK:
            raise AdapterError(
                f"{path}: rank_pattern.{pattern} is {rank}; vLLM serves ranks from 1 to "
                f"{MAX_SERVED_RANK}"
            )
        try:
            re.compile(pattern)
        except re.error as error:
            raise AdapterError(
                f"{path}: rank_pattern.{pattern}: not a regular expression: {error}; mend it"
            ) from None
