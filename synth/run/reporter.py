"""Reports a run while it goes on: to the terminal, and as a snapshot that `synth status` reads."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from rich.console import Console
from rich.live import Live

from selflengthen.contract.metrics import Metrics
from selflengthen.files.atomic_file import write_json
from synth.display.run import line, panel
from synth.method.recipe import Recipe
from synth.run.directory import IterationFiles
from synth.run.metrics import Pace, summarize
from synth.run.tally import Progress, Tally

_REFRESH_S = 1.0
_SNAPSHOT_S = 5.0
_LINE_S = 30.0
_SPEED_WINDOW_S = 15.0


class Synthesis(Protocol):
    """The run of an iteration, on one engine or on many."""

    recipe: Recipe
    files: IterationFiles
    tally: Tally
    """What is complete."""

    def progress(self) -> Progress:
        """Return what is under way."""

    async def synthesize(self) -> None:
        """Run what is not complete yet, then write the shards."""


class Reporter:
    """Looks at a run every second."""

    def __init__(
        self,
        run: Synthesis,
        console: Console,
        *,
        seconds_before: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._run = run
        self._clock = clock
        self._began = clock()
        self._seconds_before = seconds_before
        self._history: deque[tuple[float, int]] = deque()

    def metrics(self, state: str) -> Metrics:
        """Sum up the run as it stands."""
        progress, seconds = self._run.progress(), self._clock() - self._began
        pace = Pace(
            state=state,
            seconds=self._seconds_before + seconds,
            tokens_per_s=progress.load.num_generated_tokens / seconds,
            tokens_per_s_now=self._speed(),
        )
        return summarize(self._run.recipe, self._run.tally, progress, pace)

    async def report(self, stop: asyncio.Event) -> None:
        """Report until told to stop."""
        if self._console.is_terminal:
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                await self._watch(stop, lambda summary: self._refresh(live, summary))
        else:
            await self._watch(stop, self._print_line)

    async def _watch(self, stop: asyncio.Event, show: Callable[[Metrics], None]) -> None:
        interval_s = _REFRESH_S if self._console.is_terminal else _LINE_S
        next_shown = self._clock() + interval_s
        next_snapshot = self._clock()
        while not stop.is_set():
            now = self._clock()
            self._history.append((now, self._run.progress().load.num_generated_tokens))
            while now - self._history[0][0] > _SPEED_WINDOW_S:
                self._history.popleft()
            if now >= next_snapshot:
                next_snapshot = now + _SNAPSHOT_S
                summary = self.metrics("running")
                await asyncio.to_thread(write_json, self._run.files.metrics, summary)
            if now >= next_shown:
                next_shown = now + interval_s
                show(self.metrics("running"))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _REFRESH_S)

    def _refresh(self, live: Live, summary: Metrics) -> None:
        live.update(panel(summary, self._run.recipe.config.engine.max_num_seqs), refresh=True)

    def _print_line(self, summary: Metrics) -> None:
        self._console.print(line(summary), soft_wrap=True, highlight=False)

    def _speed(self) -> float:
        if len(self._history) < 2:
            return 0.0
        (first, tokens_before), (last, tokens_now) = self._history[0], self._history[-1]
        return (tokens_now - tokens_before) / (last - first)
