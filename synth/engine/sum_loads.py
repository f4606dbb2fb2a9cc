"""Loads of several engines, added up."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from synth.engine.protocol import EngineLoad, Loss, Stage


def sum_loads(loads: Sequence[EngineLoad]) -> EngineLoad:
    """Add up numbers; shares are means over the engines that live."""
    living = [load for load in loads if load.num_engines]
    return EngineLoad(
        num_running=sum(load.num_running for load in loads),
        num_waiting=sum(load.num_waiting for load in loads),
        kv_cache_usage=_mean([load.kv_cache_usage for load in living]),
        prefix_hit_rate=_mean([load.prefix_hit_rate for load in living]),
        num_prompt_tokens=sum(load.num_prompt_tokens for load in loads),
        num_cached_tokens=sum(load.num_cached_tokens for load in loads),
        num_generated_tokens=sum(load.num_generated_tokens for load in loads),
        mean_running=sum(load.mean_running for load in loads),
        num_deaths=sum(load.num_deaths for load in loads),
        losses=_sum_losses(loss for load in loads for loss in load.losses),
        num_engines=sum(load.num_engines for load in loads),
    )


def ended(load: EngineLoad) -> EngineLoad:
    """Return what is left of the load of an engine that is gone: its counters."""
    return replace(load, num_running=0, num_waiting=0, mean_running=0.0, num_engines=0)


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def _sum_losses(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    sums: dict[Stage, Counter[str]] = {}
    for loss in losses:
        sums.setdefault(loss.stage, Counter()).update(
            requests=loss.requests,
            prompt=loss.prompt,
            cached=loss.cached,
            generated=loss.generated,
        )
    return tuple(Loss(stage, **sums[stage]) for stage in sorted(sums))
