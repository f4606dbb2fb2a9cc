"""The actors of a run: where Ray puts them and what they need."""

from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from synth.cluster.coordinator import Coordinator
from synth.cluster.replica import Replica
from synth.config import RunConfig
from synth.pipeline.recipe import Recipe

# Every slot that waits for its turn is a call that waits in the coordinator.
_MAX_WAITING_CALLS = 1_000_000


@dataclass(frozen=True)
class Actors:
    """Handles of the coordinator and of all replicas, by number."""

    coordinator: Any
    replicas: dict[int, Any]

    def kill(self) -> None:
        """End all actors; what is not journalled yet is asked again by the next run."""
        for actor in (*self.replicas.values(), self.coordinator):
            ray.kill(actor)


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


def gpus_per_replica(config: RunConfig) -> int:
    """Return how many GPUs each replica asks Ray for."""
    if config.ray.gpus_per_replica is not None:
        return config.ray.gpus_per_replica
    return config.engine.tensor_parallel_size if ray.cluster_resources().get("GPU") else 0


def start_coordinator(recipe: Recipe) -> Any:  # noqa: ANN401 - of Ray
    """Start the coordinator on the driver's node: it lives and ends with the driver."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    make_coordinator = ray.remote(Coordinator).options(
        num_cpus=0, scheduling_strategy=here, max_concurrency=_MAX_WAITING_CALLS
    )
    return make_coordinator.remote(recipe.plan, recipe.config.expand, recipe.pool, recipe.held_out)
