"""LoRA adapters that the engine serves, checked before it is started for them."""

from dataclasses import dataclass
from pathlib import Path

from foundation.adapter.served import read_served


@dataclass(frozen=True, slots=True)
class Adapter:
    """A PEFT LoRA adapter that vLLM serves."""

    name: str
    """Unique per version, e.g. `generator@2`: vLLM keeps adapters by name."""
    path: Path
    served_rank: int
    """The rank that the engine must be started with."""
    digest: str
    """SHA-256 of the weights."""


def load_adapter(name: str, path: Path, base: str) -> Adapter:
    """Read and check an adapter.

    Raises: AdapterError: it does not exist, belongs to another base, or cannot be served.
    """
    served = read_served(path, base)
    return Adapter(name, path, served.config.served_rank, served.sha256)
