"""LoRA adapters on disk, checked before an engine is started for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from safetensors import SafetensorError, safe_open

from foundation.adapter_digest import WEIGHTS_FILE, adapter_digest
from foundation.errors import ConfigError

# Ranks that vLLM serves; an adapter takes the smallest that holds it.
SERVED_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A PEFT LoRA adapter that vLLM can serve."""

    name: str
    """Unique per version, e.g. `generator@2`: vLLM keeps adapters by name."""
    path: Path
    rank: int
    digest: str
    """SHA-256 of the weights."""

    @property
    def served_rank(self) -> int:
        """The rank that the engine must be started with."""
        return next(rank for rank in SERVED_RANKS if rank >= self.rank)


def load_adapter(name: str, path: Path, base: str) -> Adapter:
    """Read and check an adapter's configuration.

    Raises: ConfigError: it does not exist, belongs to another base, or cannot be served.
    """
    for needed in ("adapter_config.json", WEIGHTS_FILE):
        if not (path / needed).is_file():
            raise ConfigError(
                f"adapter {path}: no {needed} in it; give the folder of a LoRA adapter"
            )
    try:
        config = orjson.loads((path / "adapter_config.json").read_bytes())
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{path}/adapter_config.json: not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ConfigError(f"{path}/adapter_config.json: not an object")
    _check_base(path, config, base)
    digest = _check_weights(path)
    return Adapter(name, path, _check_rank(path, config), digest)


def _check_weights(path: Path) -> str:
    """Check that the weights are whole; return their SHA-256."""
    weights = path / WEIGHTS_FILE
    try:
        with safe_open(weights, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{weights}: {reason}; copy it again, or train again") from None
    return adapter_digest(path)


def _check_base(path: Path, config: dict[str, Any], base: str) -> None:
    made_for = str(config.get("base_model_name_or_path"))
    same_folder = Path(made_for).exists() and Path(made_for).resolve() == Path(base).resolve()
    if not same_folder and Path(made_for).name.lower() != Path(base).name.lower():
        raise ConfigError(
            f"adapter {path}: made for the base model {made_for!r}, but model.name is {base!r}; "
            "use the adapter's base or another adapter"
        )


def _check_rank(path: Path, config: dict[str, Any]) -> int:
    rank = config.get("r")
    if config.get("peft_type") != "LORA" or not isinstance(rank, int):
        raise ConfigError(
            f"adapter {path}: peft_type {config.get('peft_type')!r}; vLLM serves LORA"
        )
    if not 1 <= rank <= SERVED_RANKS[-1]:
        raise ConfigError(f"adapter {path}: rank {rank}; vLLM serves 1 to {SERVED_RANKS[-1]}")
    refused = [
        key for key in ("use_dora", "modules_to_save", "trainable_token_indices") if config.get(key)
    ]
    if refused or config.get("bias", "none") != "none":
        raise ConfigError(f"adapter {path}: vLLM does not serve {', '.join(refused) or 'its bias'}")
    return rank
