"""Two replicas on Ray against one, on real vLLM; on a CPU each replica has a core of its own.

The work per replica is the same. Seconds go from the first request to the last of all replicas, so
that starting vLLM is not counted.
"""

import asyncio
import statistics
from pathlib import Path
from typing import Any

import click
import ray
from rich.console import Console

from benchmarks.support.result import report
from benchmarks.support.timed_engine import TimedEngine, tokens_per_s
from selflengthen.config_file import load_config
from selflengthen.process.signals import Announce
from synth.cluster.environment import set_ray_environment
from synth.cluster.session import connect, run_on_cluster, start_engine
from synth.config import RunConfig
from synth.engine.base import Engine
from synth.method.recipe import Recipe
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--config", default="configs/cpu.yaml", type=_PATH)
@click.option("--out", default="runs/replicas", type=_PATH, help="A new folder.")
@click.option("--replicas", default=2, type=click.IntRange(min=2))
@click.option("--runs", default=1, type=click.IntRange(min=1))
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE")
def main(config: Path, out: Path, replicas: int, runs: int, overrides: tuple[str, ...]) -> None:
    """Print the speed of one replica and of several."""
    rows = []
    for number in range(runs):
        speeds = {}
        for some in (1, replicas):
            folder = out / f"run-{number}" / f"replicas-{some}"
            if folder.exists():
                raise click.ClickException(f"{folder}: exists already; give a new --out")
            own = (*overrides, f"engine.replicas={some}", "held_out.num_instructions=0")
            settings = load_config(RunConfig, config, own)
            settings = settings.model_copy(
                update={"num_instructions": settings.num_instructions * some}
            )
            speeds[some] = _measure(settings, RunDirectory(folder))
        one, all_together = speeds[1], speeds[replicas]
        rows.append(
            {
                "one replica, tokens/s": one,
                f"{replicas} replicas, tokens/s": all_together,
                "ratio": all_together / one,
            }
        )
    ratio = statistics.median(row["ratio"] for row in rows)
    options = " ".join(f"-o {override}" for override in overrides)
    arguments = f"--config {config} --replicas {replicas} --runs {runs} {options}"
    title = f"{replicas} replicas / one: {ratio:.2f}"
    report("replicas", arguments, title, rows, ratio=round(ratio, 3))


def _measure(config: RunConfig, directory: RunDirectory) -> float:
    run = prepare(config, 1, directory)
    directory.claim(run.resolved)
    set_ray_environment(config)
    connect(config)
    try:
        asyncio.run(run_on_cluster(run, _timed_engine, Console()))
    finally:
        ray.shutdown()
    return tokens_per_s(directory.iteration(1).folder)


async def _timed_engine(recipe: Recipe, log: Path, announce: Announce) -> Engine:
    engine: Any = await start_engine(recipe, log, announce)
    return TimedEngine(engine, log.with_suffix(".timed.json"))


if __name__ == "__main__":
    main()
