"""What the end of a run costs: the real scheduler in virtual time, with few stragglers left.

    python -m benchmarks.tail --instructions 256 --instructions 1000 --cohort 16 --cohort 64

prints the makespan, how much of it the engines are full, and what the same work takes when it is
spread evenly. Engines draw cohorts from one queue, as replicas do.
"""

import asyncio
import shlex
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.support.result import report
from benchmarks.support.stepped_engine import Speed, SteppedEngine, Work
from benchmarks.support.virtual_time import VirtualTimeLoop
from selflengthen.tasks import together
from synth.config import RunConfig
from synth.method.books.ledger import SPECULATIVE, Ledger
from synth.method.cohort import Cohort, cohort_of
from synth.method.recipe import Recipe
from synth.method.registry import InstructionRegistry
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare
from synth.run.tally import Tally
from synth.run.worker import Worker

_MEMORY = Path("/dev/shm")
_COUNT = click.IntRange(min=1)
T = TypeVar("T", Speed, Work)


@click.command()
@click.option("--instructions", multiple=True, type=_COUNT, default=(64, 256, 1000))
@click.option("--engines", multiple=True, type=_COUNT, default=(1,))
@click.option("--cohort", "cohorts", multiple=True, type=_COUNT, default=(8, 16, 32, 64, 128))
@click.option("--ahead/--no-ahead", "ahead", default=None, help="engine.work_ahead; both if unset.")
@click.option("--speed", "speeds", multiple=True, metavar="KEY=NUMBER", help="Of `Speed`.")
@click.option("--work", "works", multiple=True, metavar="KEY=NUMBER", help="Of `Work`.")
def main(
    instructions: Sequence[int],
    engines: Sequence[int],
    cohorts: Sequence[int],
    ahead: bool | None,
    speeds: Sequence[str],
    works: Sequence[str],
) -> None:
    """Print makespans."""
    speed, work = _filled(Speed, speeds), _filled(Work, works)

    rows = []
    tried = (False, True) if ahead is None else (ahead,)
    for number, num_engines, cohort, is_ahead in product(instructions, engines, cohorts, tried):
        if cohort > number:
            continue
        simulated = [SteppedEngine(speed, work) for _ in range(num_engines)]
        tally = _simulate(_config(number, cohort, speed.num_seqs, work_ahead=is_ahead), simulated)
        rows.append({"instructions": number, "engines": num_engines, "cohort": cohort})
        rows[-1] |= {"work ahead": is_ahead} | _row(simulated, tally.complete.ledger)
        click.echo(rows[-1], err=True)
    options: list[tuple[str, object]] = [("--instructions", one) for one in instructions]
    options += [("--engines", one) for one in engines] + [("--cohort", one) for one in cohorts]
    options += [("--speed", one) for one in speeds] + [("--work", one) for one in works]
    if ahead is not None:
        options.append(("--ahead" if ahead else "--no-ahead", ""))
    arguments = shlex.join(str(part) for option in options for part in option if part != "")
    report("tail", arguments, "makespan, simulated", rows)


def _filled(kind: type[T], overrides: Sequence[str]) -> T:
    defaults = {field.name: type(getattr(kind(), field.name)) for field in fields(kind)}
    given = dict(one.split("=", 1) for one in overrides)
    if unknown := given.keys() - defaults.keys():
        raise click.UsageError(f"no {', '.join(sorted(unknown))}; use {', '.join(defaults)}")
    return kind(**{key: defaults[key](value) for key, value in given.items()})


def _row(engines: Sequence[SteppedEngine], ledger: Ledger) -> dict[str, Any]:
    one, loads = engines[0], [engine.load_of for engine in engines]
    speculative = ledger.total(outcome=SPECULATIVE).generated
    makespan = max(load.last_s for load in loads)
    room = makespan * one.num_seqs * len(engines)
    full_step = one.speed.step_s(one.num_seqs)
    num_needed = sum(load.num_tokens for load in loads) - speculative
    evenly = num_needed * full_step / one.num_seqs / len(engines)
    return {
        "hours": round(makespan / 3600, 3),
        "evenly spread": round(evenly / 3600, 3),
        "ratio": round(makespan / evenly, 2),
        "occupancy": round(sum(load.sequence_seconds for load in loads) / room, 3),
        "below half": round(
            sum(load.below_half_s + makespan - load.last_s for load in loads)
            / (makespan * len(engines)),
            3,
        ),
        "speculative": round(speculative / (num_needed + speculative), 3),
    }


def _simulate(config: RunConfig, engines: Sequence[SteppedEngine]) -> Tally:
    with (
        # Journals in memory: waiting for a disk takes no virtual time.
        tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder,
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        directory = RunDirectory(Path(folder) / "out")
        run = prepare(config, 1, directory)
        directory.claim(run.resolved)
        recipe, tally = run.recipe, Tally()
        registry = InstructionRegistry(recipe.pool, config.expand, recipe.held_out)
        cohorts = _cohorts(recipe)
        workers = [Worker(recipe, run.files, engine, registry, tally) for engine in engines]
        runner.run(together(worker.run_cohorts(cohorts) for worker in workers))
    return tally


async def _cohorts(recipe: Recipe) -> AsyncIterator[Cohort]:
    for index in range(recipe.plan.num_cohorts):
        yield cohort_of(recipe, index)


def _config(
    num_instructions: int, cohort_instructions: int, num_seqs: int, *, work_ahead: bool
) -> RunConfig:
    return RunConfig.model_validate(
        {
            "num_instructions": num_instructions,
            "cohort_instructions": cohort_instructions,
            "model": {"name": "simulated"},
            "engine": {
                "max_num_seqs": num_seqs,
                "max_num_batched_tokens": 8192,
                "max_model_len": 32768,
                "work_ahead": work_ahead,
            },
            "expand": {"max_similarity": None, "check_task": False},
            "generate": {"responses": 2, "attempts": 8},
            "extend": {"extensions": 2, "attempts": 6, "micro_iterations": 3},
            "filter": "benchmarks.support.stepped_engine:MarkedTexts",
            "held_out": {"num_instructions": 0},
        }
    )


if __name__ == "__main__":
    main()
