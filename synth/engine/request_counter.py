"""The load of an engine that others run, from what this run asked of it."""

import time
from dataclasses import dataclass

from synth.engine.protocol import EngineLoad


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
