"""Carrying out a run: it is reported while it goes on, summed up at its end, left on a signal."""

import asyncio
from contextlib import suppress
from typing import Any

import orjson
from rich.console import Console

from foundation.atomic_file import write_json
from foundation.errors import EXIT_FEWER_THAN_ASKED, EXIT_INTERRUPTED
from synth.breaker import trip
from synth.display import final_table
from synth.errors import BreakerError
from synth.interruption import cancel_on_signal
from synth.pipeline.recipe import Recipe
from synth.reporter import Reporter, Synthesis
from synth.run_directory import IterationFiles
from synth.shard import write_manifest
from synth.tally import Tally

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
