"""`synth run`: prepare, start what runs it, run the iteration."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from selflengthen.errors import EXIT_FEWER_THAN_ASKED, EXIT_INTERRUPTED, ConfigError
from selflengthen.files.atomic_file import write_json
from selflengthen.files.json_file import read_json
from selflengthen.process.signals import cancel_on_signal
from selflengthen.tasks import first_error, together
from synth.cluster.environment import set_ray_environment
from synth.config import RunConfig
from synth.display.run import final_table
from synth.engine.admission import RoomTimes
from synth.engine.base import Engine, EngineLoad
from synth.loop.plan import TRAINED_ROLES
from synth.method.cohort import Cohort, cohort_of
from synth.method.recipe import Recipe
from synth.method.registry import InstructionRegistry
from synth.run.breaker import BreakerError, trip
from synth.run.directory import IterationFiles, RunDirectory
from synth.run.prepare import prepare
from synth.run.reporter import Reporter, Synthesis
from synth.run.restoration import restore
from synth.run.session import work_on_engine
from synth.run.shards import write_manifest, write_shards
from synth.run.tally import Tally
from synth.run.worker import Worker


def run_iteration(config: RunConfig, iteration: int, directory: RunDirectory) -> int:
    """Synthesize one macro-iteration of data, or what is left of it; return the exit code.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    files = directory.iteration(iteration)
    recipe, resolved = prepare(config, iteration, directory)
    if files.manifest.exists() and not _is_asked_for_more(recipe, files, directory):
        directory.check(resolved)
        Console().print(f"iteration {iteration} is complete already: {files.folder}", markup=False)
        return 0
    if config.engine.replicas is not None:
        set_ray_environment(config)
        from synth.cluster.session import work_on_cluster

        return work_on_cluster(recipe, resolved, directory)
    return work_on_engine(recipe, resolved, directory, run_with_engine)


def _is_asked_for_more(recipe: Recipe, files: IterationFiles, directory: RunDirectory) -> bool:
    """Tell whether a complete iteration is to grow.

    Raises: ConfigError: it is, but something was made of it already.
    """
    number, manifest = recipe.config.num_instructions, read_json(files.manifest, "restore it")
    # An earlier version asked for one number in all iterations, and had it in `config.json` alone.
    asked = manifest.get("num_instructions") or min(directory.asked(), default=number)
    if number <= asked:
        return False
    dependents = [
        directory.iteration(recipe.iteration + 1).folder,
        *(files.adapter(role.value) for role in TRAINED_ROLES),
    ]
    if found := next(filter(Path.exists, dependents), None):
        raise ConfigError(
            f"num_instructions: {number}, but iteration {recipe.iteration} is complete with "
            f"{asked} and {found} was made of it; delete that, or ask for as many"
        )
    return True


async def run_with_engine(
    recipe: Recipe, files: IterationFiles, engine: Engine, console: Console
) -> int:
    """Run an iteration on an engine that is ready; return the exit code."""
    tally = Tally()
    return await carry_out(Run(recipe, files, engine, tally), recipe, files, tally, console)


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


JsonRow = dict[str, Any]


async def carry_out(
    run: Synthesis, recipe: Recipe, files: IterationFiles, tally: Tally, console: Console
) -> int:
    """Synthesize to the end or to a signal; return the exit code.

    Raises: BreakerError: next to nothing is accepted; the same command goes on.
    """
    reporter = Reporter(recipe, tally, files, console, run, seconds_before=_seconds_before(files))
    stop = asyncio.Event()
    reporting = asyncio.create_task(reporter.report(stop))
    running = asyncio.create_task(run.synthesize())
    breaker = asyncio.create_task(trip(recipe.config.breaker, tally.all_verdicts))
    interrupted = cancel_on_signal(running)
    state = "interrupted"
    try:
        await _end(running, breaker)
        state = "complete"
    except BreakerError:
        state = "stopped"
        raise
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
    finally:
        breaker.cancel()
        stop.set()
        await asyncio.wait([reporting])
        summary = reporter.summary(state)
        write_json(files.metrics, summary)
    if state == "complete":
        write_manifest(files, recipe.config.num_instructions)
    console.print(final_table(summary, str(files.folder)))
    reporting.result()
    return EXIT_INTERRUPTED if interrupted.is_set() else exit_code(summary)


async def _end(running: "asyncio.Task[None]", breaker: "asyncio.Task[None]") -> None:
    """Wait for a run to end, or for the breaker, which ends it.

    Raises: BreakerError: the latter.
    """
    await asyncio.wait([running, breaker], return_when=asyncio.FIRST_COMPLETED)
    if breaker.done():
        running.cancel()
        await asyncio.wait([running])
        breaker.result()
    await running


def exit_code(summary: JsonRow) -> int:
    """Return the exit code of a complete run."""
    enough = summary["samples"]["instructions"] >= summary["asked"]
    return 0 if enough else EXIT_FEWER_THAN_ASKED


def _seconds_before(files: IterationFiles) -> float:
    """Read how long earlier, interrupted runs of this iteration took."""
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        return float(orjson.loads(files.metrics.read_bytes())["seconds"])
    return 0.0
