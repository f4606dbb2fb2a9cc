"""Reports a run while it goes on: to the terminal, and as a snapshot that `synth status` reads."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live

from selflengthen.files.atomic_file import write_json
from synth.display.run import line, panel
from synth.engine.admission import RoomTimes
from synth.engine.base import EngineLoad
from synth.method.recipe import Recipe
from synth.run.directory import IterationFiles
from synth.run.metrics import summarize
from synth.run.tally import Tally

JsonRow = dict[str, Any]

_REFRESH_S = 1.0
_SNAPSHOT_S = 5.0
_LINE_S = 30.0
_SPEED_WINDOW_S = 15.0


class Synthesis(Protocol):
    """The run of an iteration, on one engine or on many."""

    @property
    def times(self) -> RoomTimes:
        """How long the engine had room although there was work."""

    @property
    def num_replayed(self) -> int:
        """Completions taken over from an earlier, interrupted run."""

    def load(self) -> EngineLoad:
        """Return how busy the engine is."""

    async def synthesize(self) -> None:
        """Run what is not complete yet, then write the shards."""


class Reporter:
    """Looks at tally and engine every second."""

    def __init__(
        self,
        recipe: Recipe,
        tally: Tally,
        files: IterationFiles,
        console: Console,
        run: Synthesis,
        *,
        seconds_before: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recipe = recipe
        self._tally = tally
        self._files = files
        self._console = console
        self._run = run
        self._clock = clock
        self._began = clock()
        self._seconds_before = seconds_before
        self._history: deque[tuple[float, int]] = deque()

    def summary(self, state: str) -> JsonRow:
        """Sum up the run as it stands."""
        load = self._run.load()
        return summarize(
            self._recipe,
            self._tally,
            state=state,
            seconds=self._seconds_before + self._clock() - self._began,
            engine=load,
            times=self._run.times,
            num_replayed=self._run.num_replayed,
            tokens_per_s=load.num_generated_tokens / (self._clock() - self._began),
            tokens_per_s_now=self._speed(),
        )

    async def report(self, stop: asyncio.Event) -> None:
        """Report until told to stop."""
        if self._console.is_terminal:
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                await self._watch(stop, lambda summary: self._refresh(live, summary))
        else:
            await self._watch(stop, self._print_line)

    async def _watch(self, stop: asyncio.Event, show: Callable[[JsonRow], None]) -> None:
        interval_s = _REFRESH_S if self._console.is_terminal else _LINE_S
        next_shown = self._clock() + interval_s
        next_snapshot = self._clock()
        while not stop.is_set():
            now = self._clock()
            self._history.append((now, self._run.load().num_generated_tokens))
            while now - self._history[0][0] > _SPEED_WINDOW_S:
                self._history.popleft()
            if now >= next_snapshot:
                next_snapshot = now + _SNAPSHOT_S
                summary = self.summary("running")
                await asyncio.to_thread(write_json, self._files.metrics, summary)
            if now >= next_shown:
                next_shown = now + interval_s
                show(self.summary("running"))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _REFRESH_S)

    def _refresh(self, live: Live, summary: JsonRow) -> None:
        live.update(panel(summary, self._recipe.config.engine.max_num_seqs), refresh=True)

    def _print_line(self, summary: JsonRow) -> None:
        self._console.print(line(summary), soft_wrap=True, highlight=False)

    def _speed(self) -> float:
        if len(self._history) < 2:
            return 0.0
        (first, tokens_before), (last, tokens_now) = self._history[0], self._history[-1]
        return (tokens_now - tokens_before) / (last - first)
