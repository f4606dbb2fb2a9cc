"""An adapter as an engine knows it."""

from dataclasses import dataclass
from pathlib import Path


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

    @property
    def name_on_servers(self) -> str:
        """Tells the weights as well: servers keep adapters by name, and runs share servers."""
        return f"{self.name}-{self.digest[:12]}"
