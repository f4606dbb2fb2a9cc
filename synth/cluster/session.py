"""Ray for one piece of work in a run directory: lock, cluster, actors, and back."""

import asyncio
import signal
from contextlib import chdir
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console

from selflengthen.errors import ConfigError
from selflengthen.process.own_modules import ROOT
from selflengthen.process.signals import Announce, restored
from synth.cluster.coordinator import Assignment, Coordinator, EngineMaker
from synth.cluster.driver import Actors, ClusterRun, gpus_per_replica
from synth.cluster.replica import Replica
from synth.config import RunConfig
from synth.engine.base import Engine
from synth.engine.start import prepare_engine
from synth.method.recipe import Recipe
from synth.run.directory import RunDirectory
from synth.run.iteration import RunResult, carry_out, is_complete
from synth.run.prepare import PreparedRun, prepare
from synth.run.session import announcing

# Every slot that waits for its turn is a call that waits in the coordinator.
_MAX_WAITING_CALLS = 1_000_000
# Nothing large goes through Ray's object store.
_OBJECT_STORE_BYTES = 128 * 1024 * 1024

# Ray would kill what an actor started, also the process that removes a replica's shared memory
# after its end. vLLM's processes end with their replica by themselves.
_SYSTEM = {
    "kill_child_processes_on_worker_exit": False,
    "process_group_cleanup_enabled": False,
}


def run_iteration(config: RunConfig, iteration: int, directory: RunDirectory) -> RunResult:
    """Synthesize one macro-iteration of data, or what is left of it, on replicas.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: an engine failed; what was finished is kept.
    """
    run = prepare(config, iteration, directory)
    if is_complete(run):
        return RunResult("complete", run.files, was_complete=True)
    prepare_engine(run.recipe.engine_spec)
    with restored(), directory.locked():
        directory.claim(run.resolved)
        connect(config)
        try:
            return asyncio.run(run_on_cluster(run, start_engine, Console()))
        finally:
            ray.shutdown()


async def start_engine(recipe: Recipe, log: Path, announce: Announce) -> Engine:
    """Start the engine that the configuration names, in this process."""
    return await prepare_engine(recipe.engine_spec).start(log, announce)


async def run_on_cluster(run: PreparedRun, make_engine: EngineMaker, console: Console) -> RunResult:
    """Run an iteration on the cluster that Ray is connected to."""
    assignment = Assignment(
        config=run.recipe.config,
        iteration=run.recipe.iteration,
        directory=run.directory,
        working_directory=Path.cwd(),
        make_engine=make_engine,
    )
    actors = start_actors(run.recipe)
    try:
        return await carry_out(ClusterRun(run, actors, assignment, announcing(console)), console)
    finally:
        actors.kill()


def start_actors(recipe: Recipe) -> Actors:
    """Start the coordinator beside the driver, and replicas wherever there is room.

    Replicas that find no room yet start when a node joins; Ray starts one that died again.
    """
    config = recipe.config
    coordinator = start_coordinator(recipe)
    make_replica = ray.remote(Replica).options(
        num_cpus=config.ray.cpus_per_replica,
        num_gpus=gpus_per_replica(config),
        max_restarts=-1,
    )
    numbers = range(config.engine.replicas or 1)
    replicas = {number: make_replica.remote(number) for number in numbers}
    return Actors(coordinator, replicas)


def start_coordinator(recipe: Recipe) -> Any:  # noqa: ANN401 - of Ray
    """Start the coordinator on the driver's node: it lives and ends with the driver."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    make_coordinator = ray.remote(Coordinator).options(
        num_cpus=0, scheduling_strategy=here, max_concurrency=_MAX_WAITING_CALLS
    )
    return make_coordinator.remote(recipe.plan, recipe.config.expand, recipe.pool, recipe.held_out)


def connect(config: RunConfig) -> None:
    """Join the configured cluster, or start Ray on this machine.

    What Ray is to read from the environment was set before it was imported: `ray_environment`.

    Raises: ConfigError: there is no cluster.
    """
    on_sigterm = signal.getsignal(signal.SIGTERM)
    address = config.ray.address
    own = {
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE_BYTES,
        "_system_config": _SYSTEM,
    }
    try:
        # Ray puts the driver's working directory first on its workers' path: let it be that of our
        # modules. A replica goes to the person's itself.
        with chdir(ROOT):
            ray.init(
                address=address or "local",
                log_to_driver=False,
                configure_logging=False,
                **({} if address else own),
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"ray.address {address!r}: {error}; start Ray there, or leave it unset to start it here"
        ) from None
    # Ray has put its own there, whose exit code says nothing.
    signal.signal(signal.SIGTERM, on_sigterm)
