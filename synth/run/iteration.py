"""One macro-iteration of data: prepared, carried out, summed up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import orjson
from rich.console import Console

from selflengthen.contract.manifest import Manifest
from selflengthen.contract.metrics import Metrics
from selflengthen.errors import ConfigError
from selflengthen.files.atomic_file import write_json
from selflengthen.files.json_file import read_as
from selflengthen.process.signals import cancel_on_signal
from selflengthen.tasks import first_error, together
from synth.config import RunConfig
from synth.display.run import final_table
from synth.engine.base import Engine
from synth.engine.start import PreparedEngine, prepare_engine, running_engine
from synth.method.cohort import Cohort, cohort_of
from synth.method.registry import InstructionRegistry
from synth.method.stages import TRAINED_ROLES
from synth.run.breaker import BreakerError, trip
from synth.run.directory import IterationFiles, RunDirectory
from synth.run.prepare import PreparedRun, prepare
from synth.run.reporter import Reporter, Synthesis
from synth.run.restoration import restore
from synth.run.rows.shards import write_manifest, write_shards
from synth.run.session import announcing, held
from synth.run.tally import Progress, Tally
from synth.run.worker import Worker


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a macro-iteration came to."""

    state: Literal["complete", "interrupted"]
    files: IterationFiles
    was_complete: bool = False
    """Whether there was nothing left to do."""

    @property
    def metrics(self) -> Metrics:
        """The run summed up.

        Raises: CorruptFileError: the file is not as it was written.
        """
        return read_as(Metrics, self.files.metrics, "delete it")

    @property
    def has_fewer_than_asked(self) -> bool:
        """Whether fewer instructions were accepted than asked for."""
        return self.metrics.samples.instructions < self.metrics.asked


def run_iteration(config: RunConfig, iteration: int, directory: RunDirectory) -> RunResult:
    """Synthesize one macro-iteration of data, or what is left of it, on one engine.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    run = prepare(config, iteration, directory)
    if is_complete(run):
        return RunResult("complete", run.files, was_complete=True)
    engine = prepare_engine(run.recipe.engine_spec)
    with held(directory, run.resolved, run.files.engine_log) as terminal:
        return asyncio.run(_run(run, engine, Console(file=terminal)))


def is_complete(run: PreparedRun) -> bool:
    """Tell whether there is nothing left to do.

    Raises: ConfigError: there is, but something was made of what is complete already.
    Raises: DirectoryError: another run is complete there.
    """
    if not run.files.manifest.exists() or _is_asked_for_more(run):
        return False
    run.directory.check(run.resolved)
    return True


def _is_asked_for_more(run: PreparedRun) -> bool:
    """Tell whether a complete iteration is to grow.

    Raises: ConfigError: it is, but something was made of it already.
    """
    recipe, files, directory = run.recipe, run.files, run.directory
    number = recipe.config.num_instructions
    manifest = read_as(Manifest, files.manifest, "restore it")
    # An earlier version asked for one number in all iterations, and had it in `config.json` alone.
    asked = manifest.num_instructions or min(directory.asked(), default=number)
    if number <= asked:
        return False
    dependents = [
        directory.iteration(recipe.iteration + 1).folder,
        *(files.adapter(role.value) for role in TRAINED_ROLES),
    ]
    if found := next((path for path in dependents if path.exists()), None):
        raise ConfigError(
            f"num_instructions: {number}, but iteration {recipe.iteration} is complete with "
            f"{asked} and {found} was made of it; delete that, or ask for as many"
        )
    return True


async def _run(run: PreparedRun, prepared: PreparedEngine, console: Console) -> RunResult:
    log, announce = run.files.engine_log, announcing(console)
    async with running_engine(prepared, log, announce) as engine:
        return await run_with_engine(run, engine, console)


async def run_with_engine(run: PreparedRun, engine: Engine, console: Console) -> RunResult:
    """Run an iteration on an engine that is ready."""
    return await carry_out(EngineRun(run, engine), console)


class EngineRun:
    """Takes all cohorts of an iteration through one engine."""

    def __init__(self, run: PreparedRun, engine: Engine) -> None:
        self.recipe, self.files, self.tally = run.recipe, run.files, Tally()
        self._registry = InstructionRegistry(
            run.recipe.pool, run.recipe.config.expand, run.recipe.held_out
        )
        self._worker = Worker(self.recipe, self.files, engine, self._registry, self.tally)

    def progress(self) -> Progress:
        """Return what is under way."""
        return self._worker.progress()

    async def synthesize(self) -> None:
        """Run what is not complete yet, then write the shards; the manifest is the caller's.

        Raises: EngineError: the engine is gone; what was finished is on disk.
        Raises: CorruptFileError: a file is not as it was written.
        """
        remaining = restore(self.recipe, self.files, self.tally, self._registry)
        cohorts = self._cohorts(remaining)
        try:
            await together([self._worker.measure(), self._worker.run_cohorts(cohorts)])
        except ExceptionGroup as errors:
            raise first_error(errors) from None
        await asyncio.to_thread(write_shards, self.files, self.recipe)

    async def _cohorts(self, indices: Sequence[int]) -> AsyncIterator[Cohort]:
        for index in indices:
            yield cohort_of(self.recipe, index)


async def carry_out(run: Synthesis, console: Console) -> RunResult:
    """Synthesize to the end or to a signal, and report meanwhile.

    Raises: BreakerError: next to nothing is accepted; the same command goes on.
    """
    reporter = Reporter(run, console, seconds_before=_seconds_before(run.files))
    stop = asyncio.Event()
    reporting = asyncio.create_task(reporter.report(stop))
    running = asyncio.create_task(run.synthesize())
    breaker = asyncio.create_task(trip(run.recipe.config.breaker, run))
    interrupted = cancel_on_signal(running)
    state: Literal["complete", "interrupted", "stopped"] = "interrupted"
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
        metrics = reporter.metrics(state)
        write_json(run.files.metrics, metrics)
    if state == "complete":
        write_manifest(run.files, run.recipe.config.num_instructions)
    console.print(final_table(metrics, str(run.files.folder)))
    reporting.result()
    return RunResult("interrupted" if interrupted.is_set() else "complete", run.files)


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


def _seconds_before(files: IterationFiles) -> float:
    """Read how long earlier, interrupted runs of this iteration took."""
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        return float(orjson.loads(files.metrics.read_bytes())["seconds"])
    return 0.0
