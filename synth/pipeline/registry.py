"""The registry of accepted instructions, as the pipeline sees it."""

from collections.abc import Sequence
from typing import Protocol

from synth.pipeline.sample import Slot


class Registry(Protocol):
    """Decides which of two near-duplicates stays, in the order of slots."""

    def resembles_known(self, instruction: str) -> bool:
        """Tell whether a held-out instruction or one of the fixed pool is a near-duplicate."""

    async def resembles_accepted(self, slot: Slot, instruction: str) -> bool:
        """Wait for the slot's turn; tell whether an earlier slot has a near-duplicate."""

    async def pool(self, slot: Slot) -> Sequence[str]:
        """Return the instructions that examples are drawn from."""

    def settle(self, sequence: int, instruction: str | None) -> None:
        """Close a slot, with its instruction or without one, and let later slots go on."""
