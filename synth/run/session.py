"""One engine for one piece of work in a run directory: lock, log, engine, and back."""

import asyncio
from collections.abc import Awaitable, Callable

from rich.console import Console

from selflengthen.process.output_redirect import redirected_output
from synth.engine.base import Engine
from synth.engine.start import prepare_engine, running_engine
from synth.method.recipe import Recipe
from synth.run.directory import IterationFiles, JsonRow, RunDirectory

EngineWork = Callable[[Recipe, IterationFiles, Engine, Console], Awaitable[int]]
"""What is done with an engine that is ready; returns the exit code."""


def work_on_engine(
    recipe: Recipe, resolved: JsonRow, directory: RunDirectory, work: EngineWork
) -> int:
    """Own the directory, start the engine, do the work and close the engine.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    start_engine = prepare_engine(recipe)
    files = directory.iteration(recipe.iteration)

    async def run(console: Console) -> int:
        async with running_engine(files, start_engine, console) as engine:
            return await work(recipe, files, engine, console)

    with directory.locked():
        directory.claim(resolved)
        with redirected_output(files.engine_log) as terminal:
            return asyncio.run(run(Console(file=terminal)))
