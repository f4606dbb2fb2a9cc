"""The registry of accepted instructions, as the pipeline sees it."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from filters.near_duplicate import MAX_SIMILARITY, InstructionIndex
from synth.method.slots import Slot

if TYPE_CHECKING:
    from synth.config import ExpandConfig


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


class InstructionRegistry:
    """Decides in slot order; each slot settles exactly once."""

    def __init__(
        self, pool: Sequence[str], config: "ExpandConfig", held_out: Sequence[str] = ()
    ) -> None:
        self._config = config
        self._pool = tuple(pool)
        limit = config.max_similarity or MAX_SIMILARITY
        self._known_index = InstructionIndex((*pool, *held_out), min_similarity=limit)
        self._accepted_index = InstructionIndex(min_similarity=limit)
        self._accepted: dict[int, str] = {}
        self._settled: set[int] = set()
        self._next = 0
        self._turns: dict[int, asyncio.Event] = {}

    def resembles_known(self, instruction: str) -> bool:
        """Tell whether an instruction is a near-duplicate of a held-out one or of the fixed pool's.

        What is held out is never trained on.
        """
        return self._resembles(self._known_index, instruction)

    async def resembles_accepted(self, slot: Slot, instruction: str) -> bool:
        """Wait for the slot's turn; tell whether an earlier slot has a near-duplicate."""
        if self._config.max_similarity is None:
            return False
        await self._turn(slot.sequence)
        return self._resembles(self._accepted_index, instruction)

    async def pool(self, slot: Slot) -> Sequence[str]:
        """Return the instructions that examples are drawn from.

        A growing pool holds what the earlier cohorts of its group accepted, so it waits for them.
        """
        if self._config.pool == "fixed":
            return self._pool
        await self._turn(slot.cohort_start)
        group_start = slot.sequence // self._config.pool_group * self._config.pool_group
        grown = [self._accepted.get(sequence) for sequence in range(group_start, slot.cohort_start)]
        return [*self._pool, *(instruction for instruction in grown if instruction)]

    def settle(self, sequence: int, instruction: str | None) -> None:
        """Close a slot, with its instruction or without one, and let later slots go on."""
        assert sequence not in self._settled
        assert sequence >= self._next
        if instruction is not None:
            if self._config.pool == "growing":
                self._accepted[sequence] = instruction
            if self._config.max_similarity is not None:
                self._accepted_index.add(instruction)
        self._settled.add(sequence)
        while self._next in self._settled:
            self._settled.remove(self._next)
            self._next += 1
            if self._next in self._turns:
                self._turns.pop(self._next).set()

    async def _turn(self, sequence: int) -> None:
        if sequence > self._next:
            await self._turns.setdefault(sequence, asyncio.Event()).wait()

    def _resembles(self, index: InstructionIndex, instruction: str) -> bool:
        limit = self._config.max_similarity
        return limit is not None and index.similarity(instruction) > limit
