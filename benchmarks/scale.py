"""What cannot be measured on one machine: many replicas, simulated; and memory of a large run.

Simulation, in two steps. First the real scheduler (cohorts, admission, ranking points) runs in
virtual time on an engine whose requests take the seconds of a recorded trace: that gives the
engine time of a cohort, the bubbles, and the drain at the end. Then replicas draw cohorts of that
many seconds from one queue, each when it has room.

The seconds of the trace hold what a request waited inside vLLM, and the engine accepts nearly every
text, so a simulated cohort is not a recorded one; what is simulated is how cohorts share an engine.

Memory is that of the real process, with an engine that answers at once.
"""

import asyncio
import heapq
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from benchmarks.support.instant_engine import InstantEngine
from benchmarks.support.result import report
from benchmarks.support.trace import Served, read_trace
from benchmarks.support.virtual_time import VirtualTimeLoop
from synth.config import RunConfig
from synth.engine.base import Completion, NewWatch, Request
from synth.run.directory import RunDirectory
from synth.run.iteration import run_with_engine
from synth.run.prepare import prepare

_REPLICAS = (1, 8, 64, 256, 1024)
_COHORTS = (10, 100, 1_000, 10_000, 100_000)
_PATH = click.Path(path_type=Path)


class PacedEngine(InstantEngine):
    """Takes as long for a request as some request of its stage took in the trace."""

    def __init__(self, num_seqs: int, trace: list[Served]) -> None:
        super().__init__(num_seqs, num_words=60, stream_interval=1 << 30)
        self._seconds = defaultdict(list)
        for served in trace:
            self._seconds[served.stage].append(served.seconds)
        self.busy_seconds = 0.0

    @property
    def capacity(self) -> int:
        """As many as run: the simulation has no queue inside the engine."""
        return self.num_seqs

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Answer after the time that the trace gives."""
        seconds = random.Random(f"{request.id} pace").choice(self._seconds[request.kind])
        await asyncio.sleep(seconds)
        self.busy_seconds += seconds
        return await super().generate(request, new_watch)


@dataclass(frozen=True)
class Replica:
    """What one replica does, from the first step, in seconds."""

    cohort_seconds: float
    """Time of a full engine that a cohort takes."""
    drain_seconds: float
    """What the last cohorts take longer than that."""
    bubble_share: float


@click.group(invoke_without_command=True)
@click.option("--trace", default="runs/efficiency/run-0/trace.jsonl", type=_PATH)
@click.option("--instructions", default=100_000, help="Of the large run whose memory is measured.")
@click.pass_context
def main(context: click.Context, trace: Path, instructions: int) -> None:
    """Print simulated efficiencies and measured memory."""
    if context.invoked_subcommand:
        return
    replica = simulate_replica(read_trace(trace))
    click.echo(f"one replica, real scheduler in virtual time: {replica}")
    rows = [
        {"cohorts": num_cohorts}
        | {
            f"{num_replicas} replicas": round(simulate(replica, num_replicas, num_cohorts), 3)
            for num_replicas in _REPLICAS
        }
        for num_cohorts in _COHORTS
    ]
    small, large = (_peak_mib(number) for number in (instructions // 100, instructions))
    memory = {
        "instructions": [instructions // 100, instructions],
        "peak_mib": [small, large],
        "ratio": round(large / small, 2),
    }
    click.echo(f"memory of the process: {memory}")
    title = "simulated share of engine time in use"
    arguments = f"--trace {trace} --instructions {instructions}"
    needed = _REPLICAS[-1] / replica.cohort_seconds
    click.echo(f"{_REPLICAS[-1]} replicas take {needed:.1f} cohorts a second")
    figures = {
        "bubble_share": replica.bubble_share,
        "cohorts_per_s_of_all": round(needed, 2),
        "memory": memory,
    }
    report("scale", arguments, title, rows, **figures)


def simulate_replica(trace: list[Served]) -> Replica:
    """Run the real scheduler over 64 cohorts in virtual time."""
    num_seqs, num_cohorts = 64, 64
    engine = PacedEngine(num_seqs, trace)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        seconds, schedule = _run(_config(num_cohorts * 16, 16, num_seqs), engine, runner)
    full = engine.busy_seconds / num_seqs
    return Replica(
        cohort_seconds=full / num_cohorts,
        drain_seconds=seconds - full,
        bubble_share=schedule["bubble_seconds"] / schedule["seconds_until_last_cohort"],
    )


def simulate(replica: Replica, num_replicas: int, num_cohorts: int) -> float:
    """Let replicas draw cohorts from one queue; return the share of their time in use.

    Bubbles lengthen every cohort, the drain comes once.
    """
    stretch = 1 / (1 - replica.bubble_share)
    rng = random.Random(0)
    free_at = [(0.0, number) for number in range(num_replicas)]
    work = 0.0
    for _ in range(num_cohorts):
        at, number = heapq.heappop(free_at)
        # Cohorts differ: retries and lengths are random.
        seconds = replica.cohort_seconds * rng.lognormvariate(-0.02, 0.2)
        work += seconds
        heapq.heappush(free_at, (at + seconds * stretch, number))
    end = max(at for at, _ in free_at) + replica.drain_seconds
    return work / (end * num_replicas)


@main.command()
@click.argument("num_instructions", type=int)
def memory(num_instructions: int) -> None:
    """Run that many instructions at once and print the peak memory in MiB."""
    import resource

    engine = InstantEngine(256, num_words=60, stream_interval=16)
    with asyncio.Runner() as runner:
        _run(_config(num_instructions, 64, 256), engine, runner)
    click.echo(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def _run(
    config: RunConfig, engine: InstantEngine, runner: asyncio.Runner
) -> tuple[float, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder) / "out")
        run = prepare(config, 1, directory)
        directory.claim(run.resolved)
        with (Path(folder) / "log").open("w") as log:
            loop = runner.get_loop()
            started = loop.time()
            runner.run(run_with_engine(run, engine, Console(file=log)))
            seconds = loop.time() - started
        return seconds, orjson.loads(run.files.metrics.read_bytes())["schedule"]


def _config(num_instructions: int, cohort_instructions: int, num_seqs: int) -> RunConfig:
    return RunConfig.model_validate(
        {
            "num_instructions": num_instructions,
            "cohort_instructions": cohort_instructions,
            "model": {"name": "instant"},
            "engine": {
                "max_num_seqs": num_seqs,
                "max_num_batched_tokens": 8192,
                "max_model_len": 8192,
            },
            "generate": {"responses": 1},
            "extend": {"extensions": 1, "micro_iterations": 1},
            "held_out": {"num_instructions": 0},
        }
    )


def _peak_mib(num_instructions: int) -> int:
    command = [sys.executable, "-m", "benchmarks.scale", "memory", str(num_instructions)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(found.stdout.split()[-1])


if __name__ == "__main__":
    main()
