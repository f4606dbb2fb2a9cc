"""The load of a vLLM engine, from the statistics of its steps."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from synth.engine.base import EngineLoad, Loss


@dataclass
class LoadRecorder:
    """Adds up what vLLM reports after every step."""

    num_running: int = 0
    num_waiting: int = 0
    kv_cache_usage: float = 0.0
    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    num_generated_tokens: int = 0
    prefix_queries: int = 0
    prefix_hits: int = 0
    running_seconds: float = 0.0
    first_step_at: float | None = None
    last_step_at: float = 0.0

    def load(self) -> EngineLoad:
        """Return the load as of the last step."""
        return EngineLoad(
            num_running=self.num_running,
            num_waiting=self.num_waiting,
            kv_cache_usage=self.kv_cache_usage,
            prefix_hit_rate=self.prefix_hits / self.prefix_queries if self.prefix_queries else 0.0,
            num_prompt_tokens=self.num_prompt_tokens,
            num_cached_tokens=self.num_cached_tokens,
            num_generated_tokens=self.num_generated_tokens,
            mean_running=self._mean_running(),
        )

    def _mean_running(self) -> float:
        seconds = self.last_step_at - (self.first_step_at or 0.0)
        return self.running_seconds / seconds if self.first_step_at and seconds else 0.0

    def record(self, scheduler_stats: Any, iteration_stats: Any) -> None:  # noqa: ANN401 - of vLLM
        """Take over what one step reported; either may be None."""
        if scheduler_stats is not None:
            self._note_step(time.monotonic())
            self.num_running = scheduler_stats.num_running_reqs
            self.num_waiting = scheduler_stats.num_waiting_reqs
            self.kv_cache_usage = scheduler_stats.kv_cache_usage
            self.prefix_queries += scheduler_stats.prefix_cache_stats.queries
            self.prefix_hits += scheduler_stats.prefix_cache_stats.hits
        if iteration_stats is not None:
            self.num_prompt_tokens += iteration_stats.prompt_token_stats.total
            self.num_cached_tokens += iteration_stats.prompt_token_stats.cached_tokens
            self.num_generated_tokens += iteration_stats.num_generation_tokens

    def _note_step(self, now: float) -> None:
        if self.first_step_at is None:
            self.first_step_at = now
        else:
            self.running_seconds += self.num_running * (now - self.last_step_at)
        self.last_step_at = now


@dataclass
class RequestCounter:
    """Counts requests in flight and their tokens."""

    num_seqs: int
    """Requests that the engine runs at once; more of them wait there."""
    num_in_flight: int = 0
    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    num_generated_tokens: int = 0
    running_seconds: float = 0.0
    began_at: float | None = None
    noted_at: float = 0.0

    def begin(self) -> None:
        """Note that a request is sent."""
        self._note_time()
        self.num_in_flight += 1

    def end(self) -> None:
        """Note that a request has ended, in whichever way."""
        self._note_time()
        self.num_in_flight -= 1

    def count(self, prompt: int = 0, cached: int = 0, generated: int = 0) -> None:
        """Add tokens that the engine has read or written since the last call."""
        self.num_prompt_tokens += prompt
        self.num_cached_tokens += cached
        self.num_generated_tokens += generated

    def load(self) -> EngineLoad:
        """Return the load as of the last change."""
        seconds = self.noted_at - (self.began_at or 0.0)
        return EngineLoad(
            num_running=self._num_running,
            num_waiting=self.num_in_flight - self._num_running,
            prefix_hit_rate=self.num_cached_tokens / (self.num_prompt_tokens or 1),
            num_prompt_tokens=self.num_prompt_tokens,
            num_cached_tokens=self.num_cached_tokens,
            num_generated_tokens=self.num_generated_tokens,
            mean_running=self.running_seconds / seconds if self.began_at and seconds else 0.0,
        )

    @property
    def _num_running(self) -> int:
        return min(self.num_in_flight, self.num_seqs)

    def _note_time(self) -> None:
        now = time.monotonic()
        if self.began_at is None:
            self.began_at = now
        else:
            self.running_seconds += self._num_running * (now - self.noted_at)
        self.noted_at = now


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
    sums: dict[str, Counter[str]] = {}
    for loss in losses:
        sums.setdefault(loss.kind, Counter()).update(
            requests=loss.requests,
            prompt=loss.prompt,
            cached=loss.cached,
            generated=loss.generated,
        )
    return tuple(Loss(kind, **sums[kind]) for kind in sorted(sums))
