"""The registry in a replica: what is fixed is known here, the rest the coordinator decides."""

from collections.abc import Sequence
from typing import Any

from synth.method.recipe import Recipe
from synth.method.registry import InstructionRegistry
from synth.method.slots import Slot


class RemoteRegistry:
    """Asks the coordinator about instructions of other cohorts."""

    def __init__(self, recipe: Recipe, coordinator: Any) -> None:  # noqa: ANN401 - of Ray
        self._config = recipe.config.expand
        self._pool = recipe.pool
        self._known = InstructionRegistry(recipe.pool, self._config, recipe.held_out)
        self._coordinator = coordinator

    def resembles_known(self, instruction: str) -> bool:
        """Tell whether a held-out instruction or one of the fixed pool is a near-duplicate."""
        return self._known.resembles_known(instruction)

    async def resembles_accepted(self, slot: Slot, instruction: str) -> bool:
        """Wait for the slot's turn; tell whether an earlier slot has a near-duplicate."""
        if self._config.max_similarity is None:
            return False
        return bool(await self._coordinator.resembles_accepted.remote(slot, instruction))

    async def pool(self, slot: Slot) -> Sequence[str]:
        """Return the instructions that examples are drawn from."""
        if self._config.pool == "fixed":
            return self._pool
        pool: Sequence[str] = await self._coordinator.pool.remote(slot)
        return pool

    def settle(self, sequence: int, instruction: str | None) -> None:
        """Close a slot, if any other depends on it; the caller does not wait."""
        if self._config.max_similarity is not None or self._config.pool == "growing":
            self._coordinator.settle.remote(sequence, instruction)
