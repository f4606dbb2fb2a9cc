"""Hands out cohorts, decides near-duplicates for all replicas and collects receipts.

It is one actor, so its methods never run at once except where they await.
"""

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from selflengthen.contract.receipt import Receipt
from selflengthen.process.signals import Announce
from synth.config import ExpandConfig, RunConfig
from synth.engine.base import Engine
from synth.method.recipe import Recipe
from synth.method.registry import InstructionRegistry
from synth.method.slots import CohortPlan, Slot
from synth.run.directory import RunDirectory
from synth.run.tally import Progress


@dataclass(frozen=True)
class News:
    """What the driver is told."""

    receipts: list[Receipt]
    messages: list[str]
    reports: dict[int, Progress]
    is_complete: bool
    """Whether every cohort and the held-out answers are on disk."""


class EngineMaker(Protocol):
    """Starts a replica's engine, in the replica."""

    async def __call__(self, recipe: Recipe, log: Path, announce: Announce) -> Engine:
        """Start an engine."""


@dataclass(frozen=True)
class Assignment:
    """What all replicas of a run are told."""

    config: RunConfig
    iteration: int
    directory: RunDirectory
    """On storage that all nodes share."""
    working_directory: Path
    """Where relative paths start, those of the configuration and the directory's."""
    make_engine: EngineMaker


class Coordinator:
    """Knows what is open and where; what is complete is on disk."""

    def __init__(
        self, plan: CohortPlan, config: ExpandConfig, pool: Sequence[str], held_out: Sequence[str]
    ) -> None:
        self._registry = InstructionRegistry(pool, config, held_out)
        self._plan = plan
        self._waiting: list[int] = []
        self._released: list[int] = []
        self._replica_of: dict[int, int] = {}
        self._decisions: defaultdict[int, dict[int, str | None]] = defaultdict(dict)
        self._measuring: int | None = None
        self._is_measured = False
        self._has_changed = asyncio.Condition()
        self._receipts: list[Receipt] = []
        self._messages: list[str] = []
        self._reports: dict[int, Progress] = {}

    async def settle_all(self, slots: Iterable[tuple[int, str | None]]) -> None:
        """Take over the slots of cohorts that an earlier run completed."""
        for sequence, instruction in slots:
            self._registry.settle(sequence, instruction)

    async def begin(self, cohorts: Sequence[int], *, is_measured: bool) -> None:
        """Take over the cohorts that remain."""
        self._waiting = sorted(cohorts)
        self._is_measured = is_measured
        await self._notify()

    async def next_cohort(self, replica: int) -> int | None:
        """Hand out the first cohort that nobody had yet; None if there is none."""
        return self._hand_out(self._waiting, replica)

    async def has_released(self) -> bool:
        """Wait until a cohort is there whose replica died; False: all are complete."""
        async with self._has_changed:
            await self._has_changed.wait_for(lambda: self._released or self._are_all_complete())
        return bool(self._released)

    async def next_released(self, replica: int) -> int | None:
        """Hand out the first cohort whose replica died; None if there is none."""
        return self._hand_out(self._released, replica)

    async def is_measure_owed(self) -> bool:
        """Wait until nobody answers the held-out instructions; False: that is done."""
        async with self._has_changed:
            await self._has_changed.wait_for(lambda: self._is_measured or self._measuring is None)
        return not self._is_measured

    async def claim_measure(self, replica: int) -> bool:
        """Tell a replica whether it is the one to answer the held-out instructions."""
        if self._is_measured or self._measuring is not None:
            return False
        self._measuring = replica
        return True

    async def release(self, replica: int) -> int:
        """Take back what a replica that died had; return how many cohorts that is."""
        self._reports.pop(replica, None)
        lost = [cohort for cohort, holder in self._replica_of.items() if holder == replica]
        for cohort in lost:
            del self._replica_of[cohort]
            heapq.heappush(self._released, cohort)
        if self._measuring == replica:
            self._measuring = None
        await self._notify()
        return len(lost)

    async def complete(self, replica: int, receipt: Receipt) -> None:
        """Note that a cohort is on disk; what a dead replica says late its successor repeats."""
        if self._replica_of.get(receipt.cohort) != replica:
            return
        del self._replica_of[receipt.cohort]
        self._decisions.pop(receipt.cohort, None)
        self._receipts.append(receipt)
        await self._notify()

    async def complete_measure(self) -> None:
        """Note that the held-out answers are on disk."""
        self._is_measured = True
        await self._notify()

    async def announce(self, message: str) -> None:
        """Keep a message for the person at the driver's terminal."""
        self._messages.append(message)

    async def report(self, replica: int, progress: Progress) -> None:
        """Keep what a replica says of itself."""
        self._reports[replica] = progress

    async def news(self) -> News:
        """Return what has come in since the last call."""
        news = News(self._receipts, self._messages, self._reports, self._is_complete())
        self._receipts, self._messages, self._reports = [], [], {}
        return news

    async def resembles_accepted(self, slot: Slot, instruction: str) -> bool:
        """Decide as the registry does; a slot that was settled before stays as it was.

        A replica that takes a cohort over replays it from its journal and asks again.
        """
        decided = self._decisions[slot.cohort]
        if slot.sequence in decided:
            return decided[slot.sequence] != instruction
        return await self._registry.resembles_accepted(slot, instruction)

    async def pool(self, slot: Slot) -> Sequence[str]:
        """Return the instructions that examples are drawn from."""
        return await self._registry.pool(slot)

    async def settle(self, sequence: int, instruction: str | None) -> None:
        """Close a slot, once."""
        decided = self._decisions[self._plan.cohort_of(sequence)]
        if sequence not in decided:
            decided[sequence] = instruction
            self._registry.settle(sequence, instruction)

    def _hand_out(self, cohorts: list[int], replica: int) -> int | None:
        if not cohorts:
            return None
        cohort = heapq.heappop(cohorts)
        self._replica_of[cohort] = replica
        return cohort

    def _are_all_complete(self) -> bool:
        return not (self._waiting or self._released or self._replica_of)

    def _is_complete(self) -> bool:
        return self._are_all_complete() and self._is_measured

    async def _notify(self) -> None:
        async with self._has_changed:
            self._has_changed.notify_all()
