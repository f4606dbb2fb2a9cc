"""How many output tokens a second one process can carry when the engine answers at once.

Everything is real but the engine: prompts, watches, filter, journal with fsync, cohorts, shards.
Prompts are not tokenized; vLLM's own front-end is not in it.
"""

import asyncio
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.journal_cost import journal_seconds, recorded_appends
from benchmarks.support.instant_engine import InstantEngine
from benchmarks.support.result import report
from synth.config import RunConfig
from synth.run.directory import RunDirectory
from synth.run.iteration import run_with_engine
from synth.run.prepare import prepare


@click.command()
@click.option("--instructions", default=64, type=click.IntRange(min=1))
@click.option("--words", default=1000, type=click.IntRange(min=50), help="Of an initial response.")
@click.option("--runs", default=3, type=click.IntRange(min=1))
@click.option("--cores", default=1, type=click.IntRange(min=1))
def main(instructions: int, words: int, runs: int, cores: int) -> None:
    """Print tokens per second of the whole path."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    rows = [measure(instructions, words) for _ in range(runs)]
    median = statistics.median(row["tokens/s"] for row in rows)
    cost = statistics.median(row["journal's share"] for row in rows)
    arguments = f"--instructions {instructions} --words {words} --runs {runs} --cores {cores}"
    title = (
        f"our own cost: median {median:,.0f} output tokens/s on {cores} core(s), "
        f"{cost:.1%} of the time for the journal"
    )
    figures = {"median_tokens_per_s": round(median), "journal_cost": round(cost, 4)}
    report("overhead", arguments, title, rows, **figures)


def measure(num_instructions: int, num_words: int) -> dict[str, Any]:
    """Run once; return the figures."""
    config = run_config(num_instructions)
    engine = InstantEngine(config.engine.max_num_seqs, num_words, config.engine.stream_interval)
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder) / "out")
        run = prepare(config, 1, directory)
        directory.claim(run.resolved)
        console = Console(file=(Path(folder) / "log").open("w"))
        started, cpu = time.perf_counter(), time.process_time()
        with recorded_appends() as (appended, num_syncs):
            asyncio.run(run_with_engine(run, engine, console))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {
        "output tokens": engine.num_generated_tokens,
        "seconds": round(seconds, 3),
        "CPU seconds": round(cpu, 3),
        "journal's share": journal_seconds(appended, num_syncs()) / cpu,
        "tokens/s": engine.num_generated_tokens / seconds,
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def run_config(num_instructions: int) -> RunConfig:
    """Return the defaults of a large run."""
    return RunConfig.model_validate(
        {
            "num_instructions": num_instructions,
            "model": {"name": "instant"},
            "engine": {"max_num_seqs": 256, "max_num_batched_tokens": 8192, "max_model_len": 32768},
            "held_out": {"num_instructions": 0},
        }
    )


if __name__ == "__main__":
    main()
