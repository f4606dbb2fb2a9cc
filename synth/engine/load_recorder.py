"""The load of a vLLM engine, from the statistics of its steps."""

import time
from dataclasses import dataclass
from typing import Any

from synth.engine.protocol import EngineLoad


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
