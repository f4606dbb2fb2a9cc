"""One engine's work: cohorts open as it has room, and close into files."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Protocol

from selflengthen.contract.held_out import HeldOutAnswer
from selflengthen.contract.receipt import Receipt
from selflengthen.contract.record import Record
from selflengthen.contract.reject import Reject
from selflengthen.files.atomic_file import write_json, write_json_lines
from selflengthen.files.digest import digest_of
from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.admission.guesses import GuessingEngine
from synth.engine.base import Engine
from synth.engine.journal import CohortJournal, JournallingEngine
from synth.method.ahead.work_ahead import WorkAhead
from synth.method.books.book import CohortBook
from synth.method.books.verdicts import Verdicts
from synth.method.cohort import Cohort
from synth.method.held_out import answer_held_out
from synth.method.recipe import CohortContext, Recipe
from synth.method.records import record_of
from synth.method.registry import Registry
from synth.method.sample import ExtendedResponse
from synth.run.directory import IterationFiles
from synth.run.tally import Progress, Totals, receipt_of

# Open cohorts per cohort whose first requests alone would fill the engine. Most wait for a few
# stragglers at a ranking point; the bound is for memory alone.
_OPEN_COHORTS_RATIO = 4


class Account(Protocol):
    """Where a worker accounts for what is on disk."""

    def complete_cohort(self, receipt: Receipt) -> None:
        """Add a cohort."""

    def complete_measure(self, answers: Sequence[HeldOutAnswer]) -> None:
        """Add the answers to the held-out instructions."""


class Worker:
    """Takes cohorts through an engine and writes each down when it is complete."""

    def __init__(
        self,
        recipe: Recipe,
        files: IterationFiles,
        engine: Engine,
        registry: Registry,
        account: Account,
    ) -> None:
        self._recipe = recipe
        self._files = files
        self._registry = registry
        self._account = account
        self._engine = AdmittingEngine(engine)
        self._open: dict[int, tuple[CohortBook, CohortJournal]] = {}
        self._verdicts = Verdicts()
        self._num_replayed = 0
        """By cohorts that are complete."""

    def progress(self) -> Progress:
        """Return what is under way."""
        opened, num_replayed = Totals(), self._num_replayed
        for book, journal in self._open.values():
            opened.add(book)
            num_replayed += journal.num_replayed
        return Progress(
            load=self._engine.load(),
            open=opened,
            num_open=len(self._open),
            num_replayed=num_replayed,
            times=self._engine.meter.times,
            verdicts=self._verdicts,
        )

    async def measure(self) -> None:
        """Answer the held-out instructions, beside the cohorts so that the engine stays full."""
        self._account.complete_measure(await measure(self._recipe, self._files, self._engine))

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
                await self._engine.room()
                cohort = await anext(cohorts, None)
                if cohort is None:
                    break
                task = tasks.create_task(self._run_cohort(cohort))
                task.add_done_callback(lambda _: slots.release())
                await _first_requests()
            self._engine.drain()

    async def _run_cohort(self, cohort: Cohort) -> None:
        """Run one cohort and write it down; the receipt comes last and makes it complete."""
        book = CohortBook(cohort.index, self._verdicts)
        with CohortJournal(self._files.journal(cohort.index)) as journal:
            self._open[cohort.index] = book, journal
            survivors = await self._run_method(cohort, book, journal)
            records = [record_of(sample, self._recipe) for sample in survivors]
            receipt = receipt_of(book, survivors)
            await asyncio.to_thread(self._write_cohort, receipt, records, book.sorted_rejects())
            del self._open[cohort.index]
            self._num_replayed += journal.num_replayed
            self._account.complete_cohort(receipt)
            journal.discard()

    async def _run_method(
        self, cohort: Cohort, book: CohortBook, journal: CohortJournal
    ) -> list[ExtendedResponse]:
        """Take a cohort through the method, and account for what was made ahead and not needed."""
        guessing = GuessingEngine(self._engine, book.waste)
        engine = JournallingEngine(guessing, journal)
        context = CohortContext(self._recipe, engine, self._registry, book)
        if not self._recipe.config.engine.work_ahead:
            return await cohort.run(context)
        ahead = WorkAhead(guessing, journal, self._engine.spare)
        try:
            survivors = await cohort.run(replace(context, ahead=ahead))
            await guessing.settle()
        finally:
            ahead.close()
            guessing.cancel()
        return survivors

    def _write_cohort(self, receipt: Receipt, records: list[Record], rejects: list[Reject]) -> None:
        cohort = receipt.cohort
        write_json_lines(self._files.records(cohort), records)
        write_json_lines(self._files.rejects(cohort), rejects)
        digests = {path.parent.name: digest_of(path) for path in self._files.data_files(cohort)}
        write_json(self._files.receipt(cohort), receipt.model_copy(update={"sha256": digests}))


async def measure(recipe: Recipe, files: IterationFiles, engine: Engine) -> list[HeldOutAnswer]:
    """Answer the held-out instructions unless an earlier run did; return all answers.

    The measure has no journal: one that was cut short is repeated.

    Raises: EngineError: the engine is gone; nothing was written.
    """
    if recipe.held_out and not files.held_out.exists():
        answers = await answer_held_out(recipe, engine)
        await asyncio.to_thread(write_json_lines, files.held_out, answers)
    return files.read_held_out()


async def _first_requests() -> None:
    """Let a cohort that was just started ask its first requests, so that they count as admitted.

    One round of the loop starts the cohort, the next its samples.
    """
    for _ in range(2):
        await asyncio.sleep(0)
