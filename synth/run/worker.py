"""One engine's work: cohorts open as it has room, and close into files."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from selflengthen.files.atomic_file import write_json, write_json_lines
from selflengthen.files.digest import digest_of
from synth.engine.admission import AdmittingEngine, RoomTimes
from synth.engine.base import Engine
from synth.engine.journal import JournallingEngine
from synth.method.cohort import Cohort
from synth.method.recipe import Recipe
from synth.method.records import record_of
from synth.method.registry import Registry
from synth.run.directory import IterationFiles
from synth.run.measure import measure
from synth.run.tally import Tally, receipt_of

JsonRow = dict[str, Any]

# Open cohorts per cohort whose first requests alone would fill the engine. Most wait for a few
# stragglers at a ranking point; the bound is for memory alone.
_OPEN_COHORTS_RATIO = 4


class Worker:
    """Takes cohorts through an engine and writes each down when it is complete."""

    def __init__(
        self,
        recipe: Recipe,
        files: IterationFiles,
        engine: Engine,
        registry: Registry,
        tally: Tally,
    ) -> None:
        self._recipe = recipe
        self._files = files
        self._registry = registry
        self._tally = tally
        self._admitting = AdmittingEngine(engine)
        self._engine = JournallingEngine(self._admitting)

    @property
    def times(self) -> RoomTimes:
        """How long the engine had room although there was work."""
        return self._admitting.meter.times

    @property
    def num_replayed(self) -> int:
        """Completions taken over from an earlier, interrupted run."""
        return self._engine.num_replayed

    async def measure(self) -> None:
        """Answer the held-out instructions, beside the cohorts so that the engine stays full."""
        self._tally.book_held_out(await measure(self._recipe, self._files, self._admitting))

    async def run_cohorts(
        self, cohorts: AsyncIterator[Cohort], max_open: int | None = None
    ) -> None:
        """Take a cohort whenever the engine has room for one, until there is none left.

        Args:
            max_open: How many may be open at once; a few times what fills the engine by default.
        """
        num_filling = -(-self._engine.capacity // self._recipe.config.cohort_instructions)
        slots = asyncio.Semaphore(max_open or _OPEN_COHORTS_RATIO * num_filling)
        async with asyncio.TaskGroup() as tasks:
            while True:
                await slots.acquire()
                await self._admitting.room()
                cohort = await anext(cohorts, None)
                if cohort is None:
                    break
                task = tasks.create_task(self._run_cohort(cohort))
                task.add_done_callback(lambda _: slots.release())
                await _first_requests()
            self._admitting.drain()

    def close(self) -> None:
        """Close the journals of open cohorts; the engine is its owner's."""
        self._engine.close_journals()

    async def _run_cohort(self, cohort: Cohort) -> None:
        """Run one cohort and write it down; the receipt comes last and makes it complete."""
        book = self._tally.open_book(cohort.index)
        self._engine.open_cohort(cohort.index, self._files.journal(cohort.index))
        survivors = await cohort.run(self._recipe, self._engine, self._registry, book)
        records = [record_of(sample, self._recipe) for sample in survivors]
        receipt = receipt_of(book, survivors)
        await asyncio.to_thread(self._write_cohort, receipt, records, book.sorted_rejects())
        self._tally.close_book(receipt)
        self._engine.complete_cohort(cohort.index)

    def _write_cohort(
        self, receipt: JsonRow, records: list[JsonRow], rejects: list[JsonRow]
    ) -> None:
        cohort = receipt["cohort"]
        write_json_lines(self._files.records(cohort), records)
        write_json_lines(self._files.rejects(cohort), rejects)
        digests = {path.parent.name: digest_of(path) for path in self._files.data_files(cohort)}
        write_json(self._files.receipt(cohort), receipt | {"sha256": digests})


async def _first_requests() -> None:
    """Let a cohort that was just started ask its first requests, so that they count as admitted.

    One round of the loop starts the cohort, the next its samples.
    """
    for _ in range(2):
        await asyncio.sleep(0)
