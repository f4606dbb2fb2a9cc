"""`synth run`: prepare, start what runs it, run the iteration."""

from pathlib import Path

from rich.console import Console

from foundation.errors import ConfigError
from foundation.json_file import read_json
from synth.cluster.ray_environment import set_ray_environment
from synth.config import RunConfig
from synth.engine.protocol import Engine
from synth.engine_session import work_on_engine
from synth.execution import carry_out
from synth.loop_plan import TRAINED_ROLES
from synth.pipeline.recipe import Recipe
from synth.preparation import prepare
from synth.run import Run
from synth.run_directory import IterationFiles, RunDirectory
from synth.tally import Tally


def run_iteration(config: RunConfig, iteration: int, directory: RunDirectory) -> int:
    """Synthesize one macro-iteration of data, or what is left of it; return the exit code.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    files = directory.iteration(iteration)
    recipe, resolved = prepare(config, iteration, directory)
    if files.manifest.exists() and not _is_asked_for_more(recipe, files, directory):
        directory.check(resolved)
        Console().print(f"iteration {iteration} is complete already: {files.folder}", markup=False)
        return 0
    if config.engine.replicas is not None:
        set_ray_environment(config)
        from synth.cluster.cluster_session import work_on_cluster

        return work_on_cluster(recipe, resolved, directory)
    return work_on_engine(recipe, resolved, directory, run_with_engine)


def _is_asked_for_more(recipe: Recipe, files: IterationFiles, directory: RunDirectory) -> bool:
    """Tell whether a complete iteration is to grow.

    Raises: ConfigError: it is, but something was made of it already.
    """
    number, manifest = recipe.config.num_instructions, read_json(files.manifest, "restore it")
    # An earlier version asked for one number in all iterations, and had it in `config.json` alone.
    asked = manifest.get("num_instructions") or min(directory.asked(), default=number)
    if number <= asked:
        return False
    dependents = [
        directory.iteration(recipe.iteration + 1).folder,
        *(files.adapter(role.value) for role in TRAINED_ROLES),
    ]
    if found := next(filter(Path.exists, dependents), None):
        raise ConfigError(
            f"num_instructions: {number}, but iteration {recipe.iteration} is complete with "
            f"{asked} and {found} was made of it; delete that, or ask for as many"
        )
    return True


async def run_with_engine(
    recipe: Recipe, files: IterationFiles, engine: Engine, console: Console
) -> int:
    """Run an iteration on an engine that is ready; return the exit code."""
    tally = Tally()
    return await carry_out(Run(recipe, files, engine, tally), recipe, files, tally, console)
