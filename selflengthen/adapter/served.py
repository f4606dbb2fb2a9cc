"""Whether vLLM serves an adapter: the one answer of the synthesizer and of the trainer."""

from dataclasses import dataclass
from pathlib import Path

from selflengthen.adapter.base import Shapes, check_base, check_fit, read_base_shapes
from selflengthen.adapter.config import AdapterConfig, read_adapter_config
from selflengthen.adapter.digest import WEIGHTS_FILE, adapter_digest
from selflengthen.adapter.named import Adapter
from selflengthen.adapter.weights import AdapterWeights, read_adapter_weights
from selflengthen.errors import AdapterError


@dataclass(frozen=True, slots=True)
class ServedAdapter:
    """An adapter that vLLM serves on a base."""

    folder: Path
    base: str
    """Hub id or folder of the base, where it is now."""
    config: AdapterConfig
    weights: AdapterWeights
    base_shapes: Shapes
    """Of the base's own weights; empty where it is not a local folder."""
    sha256: str
    """Digest of the weights."""


def read_served(folder: Path, base: str | None = None) -> ServedAdapter:
    """Read an adapter and check all that decides whether vLLM serves it.

    Args:
        base: The base model, where it is now; None: where the adapter's configuration says.

    Raises: AdapterError: what is wrong: file, tensor or key, value, remedy.
    """
    config = read_adapter_config(folder)
    if base is not None:
        _check_is_there(base)
        check_base(folder, config, base)
    base = base or config.base_model_name_or_path
    weights = read_adapter_weights(folder, config)
    shapes = read_base_shapes(base)
    if shapes:
        for update in weights.updates:
            check_fit(folder / WEIGHTS_FILE, update, shapes, config)
    return ServedAdapter(folder, base, config, weights, shapes, adapter_digest(folder))


def _check_is_there(base: str) -> None:
    if base.startswith(("/", "./", "../", "~")) and not Path(base).is_dir():
        raise AdapterError(f"base model {base!r}: no such folder; name it where it is now")


def load_adapter(name: str, path: Path, base: str) -> Adapter:
    """Read and check an adapter.

    Raises: AdapterError: it does not exist, belongs to another base, or cannot be served.
    """
    served = read_served(path, base)
    return Adapter(name, path, served.config.served_rank, served.sha256)
