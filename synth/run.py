"""One macro-iteration on one engine."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from synth.engine.protocol import Engine, EngineLoad
from synth.engine.room_meter import RoomTimes
from synth.errors import first_error
from synth.pipeline.cohort import Cohort, cohort_of
from synth.pipeline.instruction_registry import InstructionRegistry
from synth.pipeline.recipe import Recipe
from synth.pipeline.together import together
from synth.restoration import restore
from synth.run_directory import IterationFiles
from synth.shard import write_shards
from synth.tally import Tally
from synth.worker import Worker


class Run:
    """Takes all cohorts of an iteration through the engine."""

    def __init__(self, recipe: Recipe, files: IterationFiles, engine: Engine, tally: Tally) -> None:
        self._recipe = recipe
        self._files = files
        self._engine = engine
        self._tally = tally
        self._registry = InstructionRegistry(recipe.pool, recipe.config.expand, recipe.held_out)
        self._worker = Worker(recipe, files, engine, self._registry, tally)

    @property
    def times(self) -> RoomTimes:
        """How long the engine had room although there was work."""
        return self._worker.times

    @property
    def num_replayed(self) -> int:
        """Completions taken over from an earlier, interrupted run."""
        return self._worker.num_replayed

    def load(self) -> EngineLoad:
        """Return how busy the engine is."""
        return self._engine.load()

    async def synthesize(self) -> None:
        """Run what is not complete yet, then write the shards; the manifest is the caller's.

        Raises: EngineError: the engine is gone; what was finished is on disk.
        Raises: CorruptFileError: a file is not as it was written.
        """
        remaining = restore(self._recipe, self._files, self._tally, self._settle)
        cohorts = self._cohorts(remaining)
        try:
            await together([self._worker.measure(), self._worker.run_cohorts(cohorts)])
        except ExceptionGroup as errors:
            raise first_error(errors) from None
        finally:
            self._worker.close()
        await asyncio.to_thread(write_shards, self._files, self._recipe)

    def _settle(self, slots: Sequence[tuple[int, str | None]]) -> None:
        for sequence, instruction in slots:
            self._registry.settle(sequence, instruction)

    async def _cohorts(self, indices: Sequence[int]) -> AsyncIterator[Cohort]:
        for index in indices:
            yield cohort_of(self._recipe, index)
