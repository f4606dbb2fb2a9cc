"""Accepted words per engine-hour under three schedules of the same work.

`reference`: stage barriers, 32 workers that keep their place through retries, no early abort, a
stage ends at 95 % of its tasks. `barriers`: the same without that cut-off. `ours`: `synth run`.
Model, engine, filter, budgets and sampling are the same; each schedule has an engine of its own.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from benchmarks.support.barriers import CUT_OFF, synthesize_in_stages
from benchmarks.support.result import report
from selflengthen.config_file import load_config
from selflengthen.percentiles import percentiles
from synth.config import RunConfig
from synth.engine.base import Engine
from synth.run.directory import RunDirectory
from synth.run.iteration import run_with_engine
from synth.run.prepare import PreparedRun, prepare

_PATH = click.Path(path_type=Path)
_SCHEDULES = ("reference", "barriers", "ours")


@click.group(invoke_without_command=True)
@click.option("--config", default="configs/cpu.yaml", type=_PATH)
@click.option("--out", default="runs/schedules", type=_PATH, help="A new folder.")
@click.option("--runs", default=1, type=click.IntRange(min=1))
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE")
@click.pass_context
def main(
    context: click.Context, config: Path, out: Path, runs: int, overrides: tuple[str, ...]
) -> None:
    """Print what each schedule accepted, and how fast."""
    context.obj = load_config(RunConfig, config, (*overrides, "held_out.num_instructions=0"))
    if context.invoked_subcommand:
        return
    options = [part for override in overrides for part in ("-o", override)]
    rows = []
    for number in range(runs):
        for schedule in _SCHEDULES:
            folder = out / f"run-{number}" / schedule
            if folder.exists():
                raise click.ClickException(f"{folder}: exists already; give a new --out")
            command = ["--config", str(config), *options, "one", schedule, str(folder)]
            subprocess.run([sys.executable, "-m", "benchmarks.schedules", *command], check=True)
            rows.append(orjson.loads((folder / "figures.json").read_bytes()))
    ratios = {
        other: round(_median_ratio(rows, other), 2) for other in _SCHEDULES if other != "ours"
    }
    compared = ", ".join(f"{ratio} x {other}" for other, ratio in ratios.items())
    arguments = f"--config {config} --runs {runs} {' '.join(options)}"
    title = f"accepted words per engine-hour: ours {compared}"
    report("schedules", arguments, title, rows, ratios=ratios)


@main.command()
@click.argument("schedule", type=click.Choice(_SCHEDULES))
@click.argument("folder", type=_PATH)
@click.pass_obj
def one(config: RunConfig, schedule: str, folder: Path) -> None:
    """Run one schedule."""
    directory = RunDirectory(folder)
    prepared = prepare(config, 1, directory)
    directory.claim(prepared.resolved)

    async def run() -> dict[str, Any]:
        from synth.engine.chat import ChatTokenizer
        from synth.engine.vllm import VllmEngine

        spec = prepared.recipe.engine_spec
        engine = await VllmEngine.start(spec, ChatTokenizer.load(spec.model, spec.today))
        started = time.perf_counter()
        try:
            words = await _accepted_words(schedule, prepared, engine)
            return _figures(schedule, words, engine, time.perf_counter() - started)
        finally:
            await engine.close()

    (folder / "figures.json").write_bytes(orjson.dumps(asyncio.run(run())))


async def _accepted_words(schedule: str, run: PreparedRun, engine: Engine) -> list[int]:
    if schedule == "ours":
        await run_with_engine(run, engine, Console())
        return [record.num_words.response for record in run.files.read_records()]
    cut_off = CUT_OFF if schedule == "reference" else 1.0
    samples = await synthesize_in_stages(run.recipe, engine, cut_off)
    return [sample.num_words for sample in samples]


def _figures(schedule: str, words: list[int], engine: Engine, seconds: float) -> dict[str, Any]:
    load = engine.load()
    lengths = percentiles(Counter(words)) if words else {}
    return {
        "schedule": schedule,
        "accepted words": sum(words),
        "words/engine-hour": sum(words) / seconds * 3600,
        "generated tokens": load.num_generated_tokens,
        "words/1,000 tokens": round(sum(words) / max(load.num_generated_tokens, 1) * 1000, 1),
        "occupancy": round(load.mean_running / engine.num_seqs, 3),
        "seconds": round(seconds, 1),
        "texts": len(words),
        **{f"words {share}": value for share, value in lengths.items()},
    }


def _median_ratio(rows: list[dict[str, Any]], other: str) -> float:
    def speeds(schedule: str) -> list[float]:
        return [row["words/engine-hour"] for row in rows if row["schedule"] == schedule]

    pairs = zip(speeds("ours"), speeds(other), strict=True)
    return statistics.median(ours / theirs if theirs else float("inf") for ours, theirs in pairs)


if __name__ == "__main__":
    main()
