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
from typing import Any

import click

from benchmarks.support.result import report
from benchmarks.support.stepped_engine import SteppedEngine, Work
from benchmarks.support.virtual_time import VirtualTimeLoop
from selflengthen.tasks import together
from synth.config import RunConfig
from synth.method.cohort import Cohort, cohort_of
from synth.method.recipe import Recipe
from synth.method.registry import InstructionRegistry
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare
from synth.run.tally import Tally
from synth.run.worker import Worker

_COUNT = click.IntRange(min=1)


@click.command()
@click.option("--instructions", multiple=True, type=_COUNT, default=(64, 256, 1000))
@click.option("--engines", multiple=True, type=_COUNT, default=(1,))
@click.option("--cohort", "cohorts", multiple=True, type=_COUNT, default=(8, 16, 32, 64, 128))
@click.option("--sequences", default=256, type=_COUNT, help="Of an engine.")
@click.option("--step-ms", default=15.0, help="Of a step, whoever runs.")
@click.option("--sequence-ms", default=0.03, help="More for each sequence.")
@click.option("--work", "overrides", multiple=True, metavar="KEY=NUMBER", help="Of `Work`.")
def main(
    instructions: Sequence[int],
    engines: Sequence[int],
    cohorts: Sequence[int],
    sequences: int,
    step_ms: float,
    sequence_ms: float,
    overrides: Sequence[str],
) -> None:
    """Print makespans."""
    work = _work(overrides)

    def make_engine() -> SteppedEngine:
        return SteppedEngine(sequences, step_ms / 1000, sequence_ms / 1000, work)

    rows = []
    for number, num_engines, cohort in product(instructions, engines, cohorts):
        if cohort > number:
            continue
        simulated = [make_engine() for _ in range(num_engines)]
        _simulate(_config(number, cohort, sequences), simulated)
        rows.append({"instructions": number, "engines": num_engines, "cohort": cohort})
        rows[-1] |= _row(simulated)
    options: list[tuple[str, object]] = [("--instructions", one) for one in instructions]
    options += [("--engines", one) for one in engines] + [("--cohort", one) for one in cohorts]
    options += [("--sequences", sequences), ("--step-ms", step_ms), ("--sequence-ms", sequence_ms)]
    options += [("--work", one) for one in overrides]
    arguments = shlex.join(str(part) for option in options for part in option)
    report("tail", arguments, "makespan, simulated", rows)


def _work(overrides: Sequence[str]) -> Work:
    kinds = {field.name: type(getattr(Work(), field.name)) for field in fields(Work)}
    given = dict(one.split("=", 1) for one in overrides)
    if unknown := given.keys() - kinds.keys():
        raise click.UsageError(f"--work: no {', '.join(sorted(unknown))}; use {', '.join(kinds)}")
    return Work(**{key: kinds[key](value) for key, value in given.items()})


def _row(engines: Sequence[SteppedEngine]) -> dict[str, Any]:
    one, loads = engines[0], [engine.load_of for engine in engines]
    makespan = max(load.last_s for load in loads)
    room = makespan * one.num_seqs * len(engines)
    full_step = one.base_s + one.per_sequence_s * one.num_seqs
    evenly = sum(load.num_tokens for load in loads) * full_step / one.num_seqs / len(engines)
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
    }


def _simulate(config: RunConfig, engines: Sequence[SteppedEngine]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
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


async def _cohorts(recipe: Recipe) -> AsyncIterator[Cohort]:
    for index in range(recipe.plan.num_cohorts):
        yield cohort_of(recipe, index)


def _config(num_instructions: int, cohort_instructions: int, num_seqs: int) -> RunConfig:
    return RunConfig.model_validate(
        {
            "num_instructions": num_instructions,
            "cohort_instructions": cohort_instructions,
            "model": {"name": "simulated"},
            "engine": {
                "max_num_seqs": num_seqs,
                "max_num_batched_tokens": 8192,
                "max_model_len": 32768,
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
