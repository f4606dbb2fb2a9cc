"""One macro-iteration: cohorts open as the engine has room, and close into files."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foundation.atomic_file import write_json, write_json_lines
from foundation.digest import digest_of
from foundation.errors import CorruptFileError
from foundation.json_file import read_json
from synth.engine.admission import AdmittingEngine
from synth.engine.journal import JournallingEngine
from synth.engine.protocol import Engine
from synth.engine.room_meter import RoomMeter
from synth.errors import first_error
from synth.held_out import measure
from synth.pipeline.cohort import Cohort, cohorts_of
from synth.pipeline.instruction_registry import InstructionRegistry
from synth.pipeline.recipe import Recipe
from synth.pipeline.together import together
from synth.record import record_of
from synth.run_directory import IterationFiles
from synth.shard import write_shards
from synth.tally import Tally, receipt_of

JsonRow = dict[str, Any]

# Open cohorts per cohort whose first requests alone would fill the engine. Most wait for a few
# stragglers at a ranking point; the bound is for memory alone.
_OPEN_COHORTS_RATIO = 4


class Run:
    """Takes all cohorts of an iteration through the engine."""

    def __init__(self, recipe: Recipe, files: IterationFiles, engine: Engine, tally: Tally) -> None:
        self._recipe = recipe
        self._files = files
        self._tally = tally
        self._admitting = AdmittingEngine(engine)
        self._engine = JournallingEngine(self._admitting)
        self._registry = InstructionRegistry(recipe.pool, recipe.config.expand, recipe.held_out)

    @property
    def meter(self) -> RoomMeter:
        """How long the engine had room although there was work."""
        return self._admitting.meter

    @property
    def num_replayed(self) -> int:
        """Completions taken over from an earlier, interrupted run."""
        return self._engine.num_replayed

    async def synthesize(self) -> None:
        """Run what is not complete yet, then write the shards; the manifest is the caller's.

        Raises: EngineError: the engine is gone; what was finished is on disk.
        Raises: CorruptFileError: a journal is not as it was written.
        """
        config = self._recipe.config
        cohorts = cohorts_of(
            self._recipe.iteration, config.num_instructions, config.cohort_instructions
        )
        remaining = [cohort for cohort in cohorts if not self._restore(cohort)]
        try:
            await together([self._measure(), self._run_cohorts(remaining)])
        except ExceptionGroup as errors:
            raise first_error(errors) from None
        finally:
            self._engine.close_journals()
        await asyncio.to_thread(write_shards, self._files, self._recipe)

    async def _measure(self) -> None:
        """Measure beside the cohorts, so that the engine stays full."""
        self._tally.book_held_out(await measure(self._recipe, self._files, self._admitting))

    async def _run_cohorts(self, cohorts: Sequence[Cohort]) -> None:
        config = self._recipe.config
        num_filling = -(-self._engine.capacity // config.cohort_instructions)
        slots = asyncio.Semaphore(_OPEN_COHORTS_RATIO * num_filling)
        async with asyncio.TaskGroup() as tasks:
            for cohort in cohorts:
                await slots.acquire()
                await self._admitting.room()
                task = tasks.create_task(self._run_cohort(cohort))
                task.add_done_callback(lambda _: slots.release())
                await _first_requests()
            self._admitting.drain()

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
        write_json_lines(self._files.records(receipt["cohort"]), records)
        write_json_lines(self._files.rejects(receipt["cohort"]), rejects)
        digests = {
            path.parent.name: digest_of(path) for path in self._data_files(receipt["cohort"])
        }
        write_json(self._files.receipt(receipt["cohort"]), receipt | {"sha256": digests})

    def _restore(self, cohort: Cohort) -> bool:
        """Take over a cohort that an earlier run completed."""
        path = self._files.receipt(cohort.index)
        if not path.exists():
            return False
        receipt = read_json(path, "delete it and its cohort is made again")
        self._check_files(receipt)
        instructions = {row["sequence"]: row["text"] for row in receipt["instructions"]}
        for slot in cohort.slots:
            self._registry.settle(slot.sequence, instructions.get(slot.sequence))
        self._tally.close_book(receipt)
        self._files.journal(cohort.index).unlink(missing_ok=True)
        return True

    def _check_files(self, receipt: JsonRow) -> None:
        """Check that the files of a complete cohort are as they were written.

        Raises: CorruptFileError: one is missing or another.
        """
        for path in self._data_files(receipt["cohort"]):
            found = digest_of(path) if path.exists() else None
            if found != receipt["sha256"][path.parent.name]:
                raise CorruptFileError(
                    f"{path}: {'missing' if found is None else 'not as it was written'}; restore "
                    f"it, or delete {self._files.receipt(receipt['cohort'])} and its cohort is "
                    "made again"
                )

    def _data_files(self, cohort: int) -> tuple[Path, Path]:
        return self._files.records(cohort), self._files.rejects(cohort)


async def _first_requests() -> None:
    """Let a cohort that was just started ask its first requests, so that they count as admitted.

    One round of the loop starts the cohort, the next its samples.
    """
    for _ in range(2):
        await asyncio.sleep(0)
