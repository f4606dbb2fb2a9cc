"""Runs of the whole pipeline on a scripted engine."""

import asyncio
import io
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from reconciliation import reconcile, served
from scripted_engine import ScriptedEngine
from selflengthen.errors import EXIT_FEWER_THAN_ASKED, EXIT_INTERRUPTED
from synth.config import RunConfig
from synth.loop.steps import LoopResult
from synth.run.directory import IterationFiles, RunDirectory
from synth.run.iteration import RunResult, run_with_engine
from synth.run.prepare import prepare
from writer import write

SMALL: dict[str, Any] = {
    "num_instructions": 12,
    "cohort_instructions": 4,
    "model": {"name": "scripted"},
    "engine": {
        "max_num_seqs": 16,
        "max_num_batched_tokens": 512,
        "max_model_len": 4096,
        # What is made ahead depends on timing, and tests count requests.
        "work_ahead": False,
    },
    "generate": {"responses": 2, "attempts": 3, "max_completion_tokens": 512},
    "held_out": {"num_instructions": 4},
    "extend": {"extensions": 2, "attempts": 2, "micro_iterations": 2, "max_completion_tokens": 512},
}


def small_config(**changes: Any) -> RunConfig:
    return RunConfig.model_validate({**SMALL, **changes})


def working_ahead(**changes: Any) -> RunConfig:
    """Return such a configuration for a run that fills its engine's room."""
    config = small_config(**changes)
    engine = config.engine.model_copy(update={"work_ahead": True})
    return config.model_copy(update={"engine": engine})


def run_scripted(
    folder: Path,
    config: RunConfig | None = None,
    engine: ScriptedEngine | None = None,
    runner: asyncio.Runner | None = None,
) -> tuple[IterationFiles, int]:
    """Run iteration 1; return its files and the exit code."""
    directory = RunDirectory(folder)
    run = prepare(config or small_config(), 1, directory)
    console = Console(file=io.StringIO())
    engine, is_fresh = engine or ScriptedEngine(write), not run.files.folder.exists()
    num_before = len(engine.requests)
    with directory.locked():
        directory.claim(run.resolved)
        running = run_with_engine(run, engine, console)
        result = runner.run(running) if runner else asyncio.run(running)
    if result.state == "complete":
        reconcile(run.files, run.recipe.config, result.metrics)
        if is_fresh:
            assert served(run.files) == len(engine.requests) - num_before
    return run.files, code_of(result)


def code_of(result: RunResult | LoopResult) -> int:
    """Return the exit code that the command line makes of a result."""
    if result.state == "interrupted":
        return EXIT_INTERRUPTED
    return EXIT_FEWER_THAN_ASKED if result.has_fewer_than_asked else 0


def data_files(files):
    paths = [
        path for name in ("records", "rejects", "shards") for path in files.folder.glob(f"{name}/*")
    ]
    assert paths
    return {str(path.relative_to(files.folder)): path.read_bytes() for path in paths} | {
        "manifest.json": files.manifest.read_bytes()
    }


def metrics_of(files):
    return orjson.loads(files.metrics.read_bytes())
