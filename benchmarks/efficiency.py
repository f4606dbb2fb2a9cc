"""The pipeline's speed against what vLLM can do at all on the same requests.

The pipeline runs on real vLLM, and every request is written down: prompt, output tokens, adapter.
Then vLLM's offline engine, in the same configuration, is given all of them at once, as independent
requests with the same sampling parameters and just as many tokens to write. Each has a process of
its own; loading the model is in neither time.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from benchmarks.support.result import report
from benchmarks.support.trace import Served, TracingEngine, read_trace, write_trace
from selflengthen.config_file import load_config
from synth.config import RunConfig
from synth.method.recipe import Recipe
from synth.method.stages import Stage
from synth.run.directory import RunDirectory
from synth.run.iteration import run_with_engine
from synth.run.prepare import PreparedRun, prepare

_PATH = click.Path(path_type=Path)
_TRACE = "trace.jsonl"


@click.group(invoke_without_command=True)
@click.option("--config", default="configs/cpu.yaml", type=_PATH)
@click.option("--out", default="runs/efficiency", type=_PATH, help="A new folder.")
@click.option("--runs", default=1, type=click.IntRange(min=1))
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE")
@click.pass_context
def main(
    context: click.Context, config: Path, out: Path, runs: int, overrides: tuple[str, ...]
) -> None:
    """Print both speeds and their ratio."""
    context.obj = load_config(RunConfig, config, overrides)
    if context.invoked_subcommand:
        return
    rows: list[dict[str, Any]] = []
    options = [part for override in overrides for part in ("-o", override)]
    for number in range(runs):
        folder = out / f"run-{number}"
        if (folder / "iteration-1").exists():
            raise click.ClickException(f"{folder}: holds a run already; give a new --out")
        measured = {}
        for side in ("pipeline", "offline"):
            command = ["--config", str(config), *options, side, str(folder)]
            process = [sys.executable, "-m", "benchmarks.efficiency", *command]
            subprocess.run(process, check=True)
            measured[side] = orjson.loads((folder / f"{side}.json").read_bytes())
        ours, offline = measured["pipeline"], measured["offline"]
        rows.append(
            {
                "requests": ours["requests"],
                "output tokens": ours["tokens"],
                "pipeline tokens/s": ours["tokens"] / ours["seconds"],
                "offline tokens/s": offline["tokens"] / offline["seconds"],
                "ratio": (ours["tokens"] / ours["seconds"])
                / (offline["tokens"] / offline["seconds"]),
                "occupancy": ours["occupancy"],
                "bubbles": ours["bubbles"],
            }
        )
    ratio = statistics.median(row["ratio"] for row in rows)
    arguments = f"--config {config} --runs {runs} {' '.join(options)}"
    report("efficiency", arguments, f"pipeline / offline: {ratio:.2f}", rows, ratio=round(ratio, 3))


@main.command()
@click.argument("folder", type=_PATH)
@click.pass_obj
def pipeline(config: RunConfig, folder: Path) -> None:
    """Run the pipeline, write the trace."""
    directory = RunDirectory(folder)
    run = prepare(config, 1, directory)
    directory.claim(run.resolved)
    asyncio.run(_run(run))


async def _run(run: PreparedRun) -> None:
    from synth.engine.chat import ChatTokenizer
    from synth.engine.vllm import VllmEngine

    spec = run.recipe.engine_spec
    chat = ChatTokenizer.load(spec.model, spec.today)
    engine = TracingEngine(await VllmEngine.start(spec, chat))
    started = time.perf_counter()
    try:
        await run_with_engine(run, engine, Console())
        seconds = time.perf_counter() - started
    finally:
        await engine.close()
    served = [
        Served(
            request.id,
            request.kind,
            request.adapter,
            tuple(chat.encode(request).ids),
            completion.num_generated_tokens,
            round(elapsed, 4),
        )
        for request, completion, elapsed in engine.served
        if completion.num_generated_tokens
    ]
    write_trace(run.directory.folder / _TRACE, served)
    schedule = orjson.loads(run.files.metrics.read_bytes())["schedule"]
    _write(run.directory.folder / "pipeline.json", served, seconds, schedule)


@main.command()
@click.argument("folder", type=_PATH)
@click.pass_obj
def offline(config: RunConfig, folder: Path) -> None:
    """Give vLLM the whole trace at once."""
    from vllm import LLM
    from vllm.inputs import tokens_input
    from vllm.lora.request import LoRARequest

    from synth.engine.vllm import engine_settings, prepare_environment

    recipe = prepare(config, 1, RunDirectory(folder)).recipe
    served = read_trace(folder / _TRACE)
    prepare_environment(config.engine)
    llm = LLM(**engine_settings(recipe.engine_spec))
    lora = {
        adapter.name: LoRARequest(adapter.name, number, str(adapter.path.resolve()))
        for number, adapter in enumerate(recipe.adapters.values(), start=1)
    }
    params = [_params(request, recipe) for request in served]
    started = time.perf_counter()
    llm.generate(
        [tokens_input(list(request.prompt_ids)) for request in served],
        params,
        lora_request=[lora.get(request.adapter or "") for request in served] if lora else None,
        use_tqdm=False,
    )
    _write(folder / "offline.json", served, time.perf_counter() - started, None)


def _params(request: Served, recipe: Recipe) -> Any:  # noqa: ANN401 - of vLLM
    """Sample as the pipeline did, so many tokens whatever they are."""
    from vllm import SamplingParams

    length: dict[str, Any] = {"max_tokens": request.num_generated_tokens, "ignore_eos": True}
    if request.stage == Stage.JUDGE:
        return SamplingParams(**length, top_k=1)
    return SamplingParams(**length, **recipe.sampling(Stage(request.stage)).parameters())


def _write(path: Path, served: list[Served], seconds: float, schedule: Any) -> None:  # noqa: ANN401
    figures = {
        "requests": len(served),
        "tokens": sum(request.num_generated_tokens for request in served),
        "seconds": seconds,
    }
    if schedule:
        bubbles = schedule["bubble_seconds"] / max(schedule["seconds_until_last_cohort"], 1e-9)
        figures |= {"occupancy": schedule["occupancy"], "bubbles": round(bubbles, 4)}
    path.write_bytes(orjson.dumps(figures))


if __name__ == "__main__":
    main()
