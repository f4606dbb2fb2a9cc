"""Reports a run while it goes on: to the terminal, and as a snapshot that `synth status` reads."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.live import Live

from foundation.atomic_file import write_json
from synth.config import RunConfig
from synth.display import line, panel
from synth.engine.protocol import Engine, EngineLoad
from synth.run import Run
from synth.run_directory import IterationFiles
from synth.summary import summarize
from synth.tally import Tally

JsonRow = dict[str, Any]

_REFRESH_S = 1.0
_SNAPSHOT_S = 5.0
_LINE_S = 30.0
_SPEED_WINDOW_S = 15.0


class Reporter:
    """Looks at tally and engine every second."""

    def __init__(
        self,
        config: RunConfig,
        iteration: int,
        tally: Tally,
        files: IterationFiles,
        console: Console,
        *,
        run: Run,
        seconds_before: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._iteration = iteration
        self._tally = tally
        self._files = files
        self._console = console
        self._run = run
        self._clock = clock
        self._began = clock()
        self._seconds_before = seconds_before
        self._history: deque[tuple[float, int]] = deque()

    def summary(self, state: str, load: EngineLoad) -> JsonRow:
        """Sum up the run as it stands."""
        return summarize(
            self._config,
            self._iteration,
            self._tally,
            state=state,
            seconds=self._seconds_before + self._clock() - self._began,
            engine=load,
            meter=self._run.meter,
            num_replayed=self._run.num_replayed,
            tokens_per_s=load.num_generated_tokens / (self._clock() - self._began),
            tokens_per_s_now=self._speed(),
        )

    async def report(self, engine: Engine, stop: asyncio.Event) -> None:
        """Report until told to stop."""
        if self._console.is_terminal:
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                await self._watch(engine, stop, lambda summary: self._refresh(live, summary))
        else:
            await self._watch(engine, stop, self._print_line)

    async def _watch(
        self, engine: Engine, stop: asyncio.Event, show: Callable[[JsonRow], None]
    ) -> None:
        interval_s = _REFRESH_S if self._console.is_terminal else _LINE_S
        next_shown = self._clock() + interval_s
        next_snapshot = self._clock()
        while not stop.is_set():
            now = self._clock()
            self._history.append((now, engine.load().num_generated_tokens))
            while now - self._history[0][0] > _SPEED_WINDOW_S:
                self._history.popleft()
            if now >= next_snapshot:
                next_snapshot = now + _SNAPSHOT_S
                summary = self.summary("running", engine.load())
                await asyncio.to_thread(write_json, self._files.metrics, summary)
            if now >= next_shown:
                next_shown = now + interval_s
                show(self.summary("running", engine.load()))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _REFRESH_S)

    def _refresh(self, live: Live, summary: JsonRow) -> None:
        live.update(panel(summary, self._config.engine.max_num_seqs), refresh=True)

    def _print_line(self, summary: JsonRow) -> None:
        self._console.print(line(summary), soft_wrap=True, highlight=False)

    def _speed(self) -> float:
        if len(self._history) < 2:
            return 0.0
        (first, tokens_before), (last, tokens_now) = self._history[0], self._history[-1]
        return (tokens_now - tokens_before) / (last - first)
