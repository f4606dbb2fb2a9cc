"""One engine in this process, or replicas that Ray places: as configured."""

from typing import TYPE_CHECKING

from synth.config import RunConfig
from synth.run.directory import RunDirectory

if TYPE_CHECKING:
    from synth.run.iteration import RunResult


def run_as_configured(config: RunConfig, iteration: int, directory: RunDirectory) -> "RunResult":
    """Synthesize one macro-iteration of data, or what is left of it.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    if config.engine.replicas is None:
        from synth.run.iteration import run_iteration

        return run_iteration(config, iteration, directory)
    from synth.cluster.environment import set_ray_environment

    # Ray reads it when it is imported.
    set_ray_environment(config)
    from synth.cluster.session import run_iteration as run_on_replicas

    return run_on_replicas(config, iteration, directory)
