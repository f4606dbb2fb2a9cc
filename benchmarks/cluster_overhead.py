"""What Ray costs: one replica against the same run without it, and cohorts handed out a second.

The engine answers at once, so what is left is our own work and Ray's. Seconds are counted in the
process that runs the cohorts, from the first request to the last.
"""

import asyncio
import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import ray
from rich.console import Console

from benchmarks.overhead import run_config
from benchmarks.support.instant_engine import InstantEngine
from benchmarks.support.result import report
from benchmarks.support.timed_engine import TimedEngine, tokens_per_s
from selflengthen.process.signals import Announce
from synth.cluster.environment import set_ray_environment
from synth.cluster.session import connect, run_on_cluster, start_coordinator
from synth.config import RunConfig
from synth.engine.base import Engine
from synth.method.recipe import Recipe
from synth.run.directory import RunDirectory
from synth.run.iteration import run_with_engine
from synth.run.prepare import prepare

_WORDS = 1000
_RECEIPT_TEXT = "An instruction of some words that a receipt holds beside its counts. " * 2


@click.command()
@click.option("--instructions", default=96, type=click.IntRange(min=64))
@click.option("--runs", default=5, type=click.IntRange(min=1))
@click.option("--cohorts", default=2000, help="To hand out to replicas that do nothing with them.")
@click.option("--replicas", default=8, help="That these are handed out to.")
def main(instructions: int, runs: int, cohorts: int, replicas: int) -> None:
    """Print the cost of one replica and the rate of handing out."""
    config = run_config(instructions)
    set_ray_environment(config)
    connect(config)
    rows = [_compare(config, number) for number in range(runs)]
    rate = hand_out(config, cohorts, replicas)
    ray.shutdown()
    ratio = statistics.median(row["ratio"] for row in rows)
    arguments = (
        f"--instructions {instructions} --runs {runs} --cohorts {cohorts} --replicas {replicas}"
    )
    title = f"Ray / plain: {ratio:.3f}; {rate:,.0f} cohorts handed out a second"
    figures = {"ratio": round(ratio, 4), "cohorts_per_s": round(rate)}
    report("cluster_overhead", arguments, title, rows, **figures)


def _compare(config: RunConfig, number: int) -> dict[str, Any]:
    """Run both ways, in turn the one or the other first."""
    speeds = {}
    for way in (_plain, _on_ray) if number % 2 else (_on_ray, _plain):
        with tempfile.TemporaryDirectory() as folder:
            way(config, RunDirectory(Path(folder) / "out"))
            speeds[way] = tokens_per_s(Path(folder) / "out" / "iteration-1")
    plain, on_ray = speeds[_plain], speeds[_on_ray]
    return {"plain tokens/s": plain, "Ray tokens/s": on_ray, "ratio": on_ray / plain}


async def _make_engine(recipe: Recipe, log: Path, announce: Announce) -> Engine:
    engine = recipe.config.engine
    instant = InstantEngine(engine.max_num_seqs, _WORDS, engine.stream_interval)
    return TimedEngine(instant, log.with_suffix(".timed.json"))


def _plain(config: RunConfig, directory: RunDirectory) -> None:
    prepared = prepare(config, 1, directory)
    directory.claim(prepared.resolved)
    prepared.files.folder.mkdir()

    async def run() -> None:
        engine = await _make_engine(prepared.recipe, prepared.files.engine_log, lambda _: None)
        await run_with_engine(prepared, engine, Console(file=io.StringIO()))
        await engine.close()

    asyncio.run(run())


def _on_ray(config: RunConfig, directory: RunDirectory) -> None:
    run = prepare(config, 1, directory)
    directory.claim(run.resolved)
    console = Console(file=io.StringIO())
    asyncio.run(run_on_cluster(run, _make_engine, console))


def hand_out(config: RunConfig, num_cohorts: int, num_replicas: int) -> float:
    """Let replicas take cohorts and give back receipts; return cohorts a second."""
    config = config.model_copy(
        update={"num_instructions": num_cohorts * config.cohort_instructions}
    )
    recipe = prepare(config, 1, RunDirectory(Path("unused"))).recipe
    coordinator = start_coordinator(recipe)
    ray.get(coordinator.begin.remote(range(num_cohorts), is_measured=True))
    takers = [ray.remote(Taker).remote(coordinator, number) for number in range(num_replicas)]
    ray.get([taker.ready.remote() for taker in takers])
    began = time.perf_counter()
    working = [taker.work.remote(config.cohort_instructions) for taker in takers]
    num_receipts, is_complete = 0, False
    while not is_complete:
        news = ray.get(coordinator.news.remote())
        num_receipts, is_complete = num_receipts + len(news.receipts), news.is_complete
    seconds = time.perf_counter() - began
    ray.get(working)
    assert num_receipts == num_cohorts
    for actor in (*takers, coordinator):
        ray.kill(actor)
    return num_cohorts / seconds


class Taker:
    """A replica without an engine: a cohort is complete as soon as it is handed out."""

    def __init__(self, coordinator: Any, number: int) -> None:  # noqa: ANN401 - of Ray
        self._coordinator = coordinator
        self._number = number

    async def ready(self) -> None:
        """Answer, once it runs."""

    async def work(self, cohort_instructions: int) -> None:
        """Take cohorts until none is left, and say that each is complete."""
        instructions = [
            {"sequence": number, "text": _RECEIPT_TEXT} for number in range(cohort_instructions)
        ]
        while (cohort := await self._coordinator.next_cohort.remote(self._number)) is not None:
            receipt = {"cohort": cohort, "instructions": instructions}
            await self._coordinator.complete.remote(self._number, receipt)


if __name__ == "__main__":
    main()
