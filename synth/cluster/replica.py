"""A replica: one process with its own engine, event loop and cohorts."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from selflengthen.contract.held_out import HeldOutAnswer
from selflengthen.contract.receipt import Receipt
from selflengthen.process.output_redirect import redirected_output
from selflengthen.tasks import first_error, together
from synth.cluster.coordinator import Assignment
from synth.cluster.remote_registry import RemoteRegistry
from synth.config import RunConfig
from synth.method.cohort import Cohort, cohort_of
from synth.method.recipe import Recipe
from synth.run.directory import IterationFiles
from synth.run.prepare import prepare
from synth.run.restoration import read_receipt, settled_slots
from synth.run.tally import Progress
from synth.run.worker import Worker

_REPORT_S = 1.0


class ReplicaAccount:
    """Tells the coordinator what is complete; the driver adds it up."""

    def __init__(self, replica: int, coordinator: Any) -> None:  # noqa: ANN401 - of Ray
        self._replica = replica
        self._coordinator = coordinator

    def complete_cohort(self, receipt: Receipt) -> None:
        """Hand a receipt on."""
        self._coordinator.complete.remote(self._replica, receipt)

    def complete_measure(self, _answers: Sequence[HeldOutAnswer]) -> None:
        """Say that the answers are on disk."""
        self._coordinator.complete_measure.remote()


class Replica:
    """Works on cohorts while there are any; Ray starts it again when it dies."""

    def __init__(self, number: int) -> None:
        self._number = number

    async def ping(self) -> None:
        """Answer, once it runs."""

    async def work(self, assignment: Assignment, coordinator: Any) -> None:  # noqa: ANN401 - of Ray
        """Start an engine and work until all cohorts of the run are complete.

        Raises: EngineError: the engine failed; what was finished is on disk.
        """
        self._coordinator = coordinator
        os.chdir(assignment.working_directory)
        config = _share_of(assignment.config, self._number)
        run = prepare(config, assignment.iteration, assignment.directory)
        recipe, files = run.recipe, run.files
        log = files.replica_log(self._number)
        async with AsyncExitStack() as stack:
            stack.enter_context(redirected_output(log))
            engine = await assignment.make_engine(recipe, log, self._announce)
            stack.push_async_callback(engine.close)
            registry = RemoteRegistry(recipe, self._coordinator)
            account = ReplicaAccount(self._number, coordinator)
            worker = Worker(recipe, files, engine, registry, account)
            reporting = asyncio.create_task(self._report(worker))
            stack.callback(reporting.cancel)
            await self._work(worker, recipe, files)
            await self._report_once(worker)

    async def _work(self, worker: Worker, recipe: Recipe, files: IterationFiles) -> None:
        """Take cohorts as there is room, and those of replicas that died without a limit.

        All others may wait for one of the latter, also the last ones that are open here.
        """
        cohorts, released = self._cohorts(recipe), self._released(recipe, files)
        try:
            await together(
                [
                    self._measure(worker),
                    worker.run_cohorts(cohorts),
                    worker.run_cohorts(released, max_open=sys.maxsize),
                ]
            )
        except ExceptionGroup as errors:
            raise first_error(errors) from None

    async def _report(self, worker: Worker) -> None:
        while True:
            await self._report_once(worker)
            await asyncio.sleep(_REPORT_S)

    async def _report_once(self, worker: Worker) -> None:
        # The sum over one: what is pending stays here.
        progress = Progress.of([worker.progress()])
        await self._coordinator.report.remote(self._number, progress)

    async def _measure(self, worker: Worker) -> None:
        while await self._coordinator.is_measure_owed.remote():
            if await self._coordinator.claim_measure.remote(self._number):
                await worker.measure()

    async def _cohorts(self, recipe: Recipe) -> AsyncIterator[Cohort]:
        while True:
            index = await self._coordinator.next_cohort.remote(self._number)
            if index is None:
                return
            yield cohort_of(recipe, index)

    async def _released(self, recipe: Recipe, files: IterationFiles) -> AsyncIterator[Cohort]:
        while await self._coordinator.has_released.remote():
            index = await self._coordinator.next_released.remote(self._number)
            if index is None:
                continue
            if files.receipt(index).exists():  # Its replica had no time to say so.
                receipt = read_receipt(files, index)
                for sequence, instruction in settled_slots(recipe, receipt):
                    await self._coordinator.settle.remote(sequence, instruction)
                await self._coordinator.complete.remote(self._number, receipt)
            else:
                yield cohort_of(recipe, index)

    def _announce(self, message: str) -> None:
        self._coordinator.announce.remote(f"replica {self._number}: {message}")


def _share_of(config: RunConfig, replica: int) -> RunConfig:
    """Give a replica its own cores, where the configuration names them."""
    cores = config.engine.omp_threads_bind
    if cores is None:
        return config
    shares = cores.split("|")
    own = {"omp_threads_bind": shares[replica % len(shares)]}
    return config.model_copy(update={"engine": config.engine.model_copy(update=own)})
