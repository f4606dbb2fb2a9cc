"""One macro-iteration on many engines: lets the replicas work and adds up what they report."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError, RayTaskError

from selflengthen.process.signals import Announce
from selflengthen.tasks import first_error
from synth.cluster.coordinator import Assignment
from synth.config import RunConfig
from synth.engine.errors import EngineError
from synth.engine.load import ended
from synth.run.prepare import PreparedRun
from synth.run.restoration import restore
from synth.run.rows.shards import write_shards
from synth.run.tally import Progress, Tally

if TYPE_CHECKING:
    from synth.engine.base import EngineLoad

_POLL_S = 0.5
_RETRY_S = 0.5
_LAST_WORDS_S = 30.0
PLACEMENT_S = 60.0
"""After so long without a sign of any replica, the person is told what they ask for."""


@dataclass(frozen=True)
class Actors:
    """Handles of the coordinator and of all replicas, by number."""

    coordinator: Any
    replicas: dict[int, Any]

    def kill(self) -> None:
        """End all actors; what is not journalled yet is asked again by the next run."""
        for actor in (*self.replicas.values(), self.coordinator):
            ray.kill(actor)


def gpus_per_replica(config: RunConfig) -> int:
    """Return how many GPUs each replica asks Ray for."""
    if config.ray.gpus_per_replica is not None:
        return config.ray.gpus_per_replica
    return config.engine.tensor_parallel_size if ray.cluster_resources().get("GPU") else 0


@dataclass
class SettledSlots:
    """The slots of cohorts that are complete, to be told to the coordinator at once."""

    slots: list[tuple[int, str | None]] = field(default_factory=list)

    def settle(self, sequence: int, instruction: str | None) -> None:
        """Note that a slot is closed."""
        self.slots.append((sequence, instruction))


class ClusterRun:
    """Takes all cohorts of an iteration through the replicas' engines."""

    def __init__(
        self, run: PreparedRun, actors: Actors, assignment: Assignment, announce: Announce
    ) -> None:
        self.recipe, self.files, self.tally = run.recipe, run.files, Tally()
        self._actors = actors
        self._assignment = assignment
        self._announce = announce
        self._is_placed = False
        self._reports: dict[int, Progress] = {}
        self._ended: list[EngineLoad] = []
        """What the engines of replicas that died had done by their last report."""

    def progress(self) -> Progress:
        """Add up what the replicas report."""
        return Progress.of(list(self._reports.values()), self._ended)

    async def synthesize(self) -> None:
        """Run what is not complete yet, then write the shards; the manifest is the caller's.

        Raises: EngineError: an engine failed again and again; what was finished is on disk.
        """
        await self._hand_over()
        try:
            async with asyncio.TaskGroup() as tasks:
                keepers = {
                    number: tasks.create_task(self._keep(number, replica))
                    for number, replica in self._actors.replicas.items()
                }
                await self._follow()
                await self._part(keepers)
        except ExceptionGroup as errors:
            raise first_error(errors) from None
        self.tally.complete_measure(self.files.read_held_out())
        await asyncio.to_thread(write_shards, self.files, self.recipe)

    async def _hand_over(self) -> None:
        """Tell the coordinator what is complete and what remains."""
        recipe, coordinator = self.recipe, self._actors.coordinator
        settled = SettledSlots()
        remaining = restore(recipe, self.files, self.tally, settled)
        await coordinator.settle_all.remote(settled.slots)
        is_measured = not recipe.held_out or self.files.held_out.exists()
        await coordinator.begin.remote(remaining, is_measured=is_measured)

    async def _keep(self, number: int, replica: Any) -> None:  # noqa: ANN401 - of Ray
        """Let a replica work to the end; after a death its successor goes on.

        Raises: EngineError: it dies again and again while no cohort is completed.
        """
        num_deaths, num_complete = 0, 0
        while True:
            try:
                await replica.work.remote(self._assignment, self._actors.coordinator)
                return
            except RayTaskError as error:
                raise self._failure(number, error) from None
            except RayActorError as error:
                if isinstance(error, ActorUnavailableError):
                    # It may be alive and cut off; its cohorts must not be written twice.
                    ray.kill(replica, no_restart=False)
                if self.tally.num_complete > num_complete:
                    num_deaths, num_complete = 0, self.tally.num_complete
                num_deaths += 1
                if num_deaths >= self.recipe.config.engine.max_deaths:
                    raise EngineError(
                        f"replica {number} died {num_deaths} times and no cohort was completed in "
                        f"between; see {self.files.replica_log(number)}"
                    ) from error
                await self._replace(number, replica)

    def _failure(self, number: int, error: RayTaskError) -> Exception:
        """Return what was raised in a replica, without Ray's account of it."""
        cause = error.cause
        if isinstance(cause, Exception) and not isinstance(cause, EngineError):
            return cause
        log = self.files.replica_log(number)
        return EngineError(f"replica {number}: {cause or error}; the engine's log: {log}")

    async def _replace(self, number: int, replica: Any) -> None:  # noqa: ANN401 - of Ray
        """Give back what a replica had, and wait until Ray has started it again."""
        num_lost = await self._actors.coordinator.release.remote(number)
        self._end_report(number)
        self._announce(f"replica {number} died; {num_lost} cohorts go on elsewhere")
        while True:
            try:
                await replica.ping.remote()
                return
            except ActorDiedError as error:
                raise EngineError(f"replica {number} does not start again: {error}") from error
            except RayActorError:
                await asyncio.sleep(_RETRY_S)

    def _end_report(self, number: int) -> None:
        """Note that a replica died: its engine's counters stay, what was open is open elsewhere."""
        report = self._reports.pop(number, None)
        if report is not None:
            self._ended.append(ended(report.load))

    async def _follow(self) -> None:
        """Take over what the replicas report, until all is complete."""
        warning = asyncio.get_running_loop().call_later(PLACEMENT_S, self._warn_of_no_place)
        while not await self._take_news():
            if self._is_placed:
                warning.cancel()
            await asyncio.sleep(_POLL_S)
        warning.cancel()

    def _warn_of_no_place(self) -> None:
        config, has = self.recipe.config, ray.cluster_resources()
        self._announce(
            f"no replica has found a place for {PLACEMENT_S:g} s: each asks for "
            f"{config.ray.cpus_per_replica:g} cores and {gpus_per_replica(config)} GPUs, the "
            f"cluster has {has.get('CPU', 0):g} and {has.get('GPU', 0):g}; see "
            "ray.cpus_per_replica and ray.gpus_per_replica, or let a node join"
        )

    async def _take_news(self) -> bool:
        news = await self._actors.coordinator.news.remote()
        self._is_placed = self._is_placed or bool(news.messages or news.reports)
        for receipt in news.receipts:
            self.tally.complete_cohort(receipt)
        self._reports.update(news.reports)
        for message in news.messages:
            self._announce(message)
        return bool(news.is_complete)

    async def _part(self, keepers: dict[int, "asyncio.Task[None]"]) -> None:
        """Let replicas that worked close their engines; the others never got a place."""
        working = [keepers[number] for number in self._reports if not keepers[number].done()]
        if working:
            await asyncio.wait(working, timeout=_LAST_WORDS_S)
        await self._take_news()
        for keeper in keepers.values():
            keeper.cancel()
