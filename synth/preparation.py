"""Everything that can be wrong with a run, checked before anything is written or started."""

from pathlib import Path

from foundation.errors import ConfigError
from synth.adapter import Adapter, load_adapter
from synth.config import RunConfig
from synth.engine.protocol import ModelRole
from synth.pipeline.recipe import Recipe
from synth.prompts.prompt_set import load_prompt_set
from synth.resolved_config import resolve_run
from synth.run_directory import JsonRow, RunDirectory
from synth.seeds.seed_file import Seeds, load_held_out, load_seeds
from synth.shard import check_files


def prepare(config: RunConfig, iteration: int, directory: RunDirectory) -> tuple[Recipe, JsonRow]:
    """Load prompts, seeds and adapters; return the recipe and the resolved configuration.

    Raises: ConfigError: one of them cannot be used, or the previous iteration is not complete.
    """
    prompts = load_prompt_set(config.prompts)
    seeds = load_seeds(config.seeds)
    held_out = load_held_out(config.held_out.instructions, config.held_out.num_instructions)
    recipe = Recipe(
        config=config,
        iteration=iteration,
        prompts=prompts,
        pool=_pool(seeds, iteration, directory),
        adapters=_adapters(config, iteration, directory),
        held_out=held_out.instructions,
    )
    return recipe, resolve_run(config, prompts, seeds, held_out)


def _pool(seeds: Seeds, iteration: int, directory: RunDirectory) -> tuple[str, ...]:
    """Join the seeds and the instructions of the previous iteration's records."""
    if iteration == 1:
        return seeds.instructions
    previous = directory.iteration(iteration - 1)
    if not previous.manifest.exists():
        raise ConfigError(
            f"--iteration {iteration}: iteration {iteration - 1} is not complete in "
            f"{directory.folder}; run it first"
        )
    check_files(previous, "records")
    found = {record["instruction_id"]: record["instruction"] for record in previous.read_records()}
    return (*seeds.instructions, *found.values())


def _adapters(
    config: RunConfig, iteration: int, directory: RunDirectory
) -> dict[ModelRole, Adapter]:
    """Take the configured adapters, else those trained on the previous iteration's shards."""
    configured = {
        ModelRole.GENERATOR: config.adapters.generator,
        ModelRole.EXTENDER: config.adapters.extender,
    }
    adapters = {}
    for role, path in configured.items():
        trained = directory.iteration(iteration - 1).adapter(role.value)
        folder = Path(path) if path else trained if iteration > 1 else None
        if folder == trained and not trained.is_dir():
            raise ConfigError(
                f"--iteration {iteration}: no adapter in {trained}; train the {role} on the shards "
                f"of iteration {iteration - 1} and put the adapter there"
            )
        if folder is not None:
            adapters[role] = load_adapter(f"{role}@{iteration - 1}", folder, config.model.name)
    return adapters
