"""An engine that is started again when it dies; what was in flight is asked again."""

import asyncio
from collections.abc import Awaitable, Callable

from synth.config import EngineConfig
from synth.engine.failure import poisoned
from synth.engine.life import Life, give_up_stalled, total_load
from synth.engine.protocol import Completion, Engine, EngineLoad, NewWatch, Request
from synth.errors import EngineError

EngineStarter = Callable[[], Awaitable[Engine]]

# Requests that saw an engine die are let into the next one a few at a time, so that one among them
# which kills it again takes few others with it.
_SUSPECT_SHARE = 1 / 8
_NUM_NAMED = 3


class RestartingEngine:
    """Keeps one engine alive; a request that was in flight at two deaths is set aside."""

    def __init__(
        self,
        engine: Engine,
        start: EngineStarter,
        config: EngineConfig,
        announce: Callable[[str], None],
    ) -> None:
        self._life = Life(engine)
        self._dead: list[Life] = []
        self._start = start
        self._config = config
        self._announce = announce
        self._num_deaths_in_a_row = 0
        self._failure: EngineError | None = None
        self._restarting = asyncio.Lock()
        self._suspects = asyncio.Semaphore(max(1, int(engine.num_seqs * _SUSPECT_SHARE)))
        self._stall_watch = asyncio.create_task(
            give_up_stalled(lambda: self._life, config.stall_timeout_s)
        )

    @property
    def num_seqs(self) -> int:
        """The living engine's sequences."""
        return self._life.engine.num_seqs

    @property
    def capacity(self) -> int:
        """The living engine's capacity."""
        return self._life.engine.capacity

    def load(self) -> EngineLoad:
        """Return the living engine's load, with counters since the first one's start."""
        return total_load([self._life, *self._dead])

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Serve a request, once more if the engine dies under it.

        Raises: EngineError: the engine dies again and again, or does not start any more.
        """
        completion = await self._serve(request, new_watch)
        if completion is None:
            async with self._suspects:
                completion = await self._serve(request, new_watch)
        return completion or poisoned()

    async def close(self) -> None:
        """Close the living engine."""
        self._stall_watch.cancel()
        if self._life.final_load is None:
            await self._life.engine.close()

    async def _serve(self, request: Request, new_watch: NewWatch | None) -> Completion | None:
        """Serve a request; None if the engine died under it, and another is there."""
        async with self._restarting:
            life = self._life
        if self._failure is not None:
            raise self._failure
        try:
            completion = await life.serve(request, new_watch)
        except EngineError as error:
            await self._replace(life, error)
            return None
        self._num_deaths_in_a_row = 0
        return completion

    async def _replace(self, dead: Life, error: EngineError) -> None:
        """Start another engine, unless another request that saw the death has done so."""
        async with self._restarting:
            if self._failure is None and self._life is dead:
                suspects = dead.in_flight
                await dead.end()
                try:
                    await self._start_again(dead, suspects, error)
                except EngineError as failure:
                    self._failure = failure
        if self._failure is not None:
            raise self._failure

    async def _start_again(self, dead: Life, suspects: list[str], error: EngineError) -> None:
        while True:
            self._num_deaths_in_a_row += 1
            if self._num_deaths_in_a_row >= self._config.max_deaths:
                raise EngineError(
                    f"{error}; {self._num_deaths_in_a_row} deaths of the engine without a "
                    f"completion in between; in flight were {_few(suspects)}"
                )
            self._announce(f"{error}; starting another; {len(suspects)} requests are repeated")
            try:
                engine = await self._start()
            except EngineError as next_error:
                error = next_error
                continue
            self._dead.append(dead)
            self._life = Life(engine)
            return


def _few(ids: list[str]) -> str:
    named, rest = ", ".join(ids[:_NUM_NAMED]), len(ids) - _NUM_NAMED
    return f"{named} and {rest} more" if rest > 0 else named
