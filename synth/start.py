"""Where a macro-iteration is carried out: on one engine here, or on replicas."""

from synth.cluster.environment import set_ray_environment
from synth.config import RunConfig
from synth.run.directory import RunDirectory
from synth.run.iteration import RunResult


def run_iteration(config: RunConfig, iteration: int, directory: RunDirectory) -> RunResult | None:
    """Synthesize one macro-iteration of data, or what is left of it.

    Returns: what it came to; None if it was complete before.
    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    if config.engine.replicas is None:
        from synth.run.iteration import run_iteration as run_here

        return run_here(config, iteration, directory)
    set_ray_environment(config)
    from synth.cluster.session import run_iteration as run_on_replicas

    return run_on_replicas(config, iteration, directory)
