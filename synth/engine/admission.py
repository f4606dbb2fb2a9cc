"""Admission: the engine gets as many requests as it can use, the rest wait in a heap here.

vLLM has no back-pressure of its own. Later stages go first, so samples finish before new ones
begin; within a stage, older samples go first.
"""

import asyncio
import heapq
from itertools import count

from synth.engine.protocol import Completion, Engine, EngineLoad, Request, WatchCall

_Waiting = tuple[tuple[int, int], int, asyncio.Future[None]]


class AdmittingEngine:
    """An engine that never passes on more than the inner engine's capacity."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner
        self._num_admitted = 0
        self._backlog: list[_Waiting] = []
        self._arrival = count()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def capacity(self) -> int:
        """The inner engine's capacity."""
        return self._inner.capacity

    def load(self) -> EngineLoad:
        """The inner engine's load."""
        return self._inner.load()

    async def generate(self, request: Request, watch: WatchCall | None = None) -> Completion:
        """Wait for admission, then serve."""
        await self._admit(request)
        try:
            return await self._inner.generate(request, watch)
        finally:
            self._num_admitted -= 1
            self._wake_next()

    async def room(self) -> None:
        """Wait until the engine could take one more request than there is."""
        await self._room.wait()

    async def close(self) -> None:
        """Close the inner engine."""
        await self._inner.close()

    async def _admit(self, request: Request) -> None:
        turn = asyncio.get_running_loop().create_future()
        key = (request.stage.urgency, request.sequence)
        heapq.heappush(self._backlog, (key, next(self._arrival), turn))
        self._wake_next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._num_admitted -= 1
                self._wake_next()
            raise

    def _wake_next(self) -> None:
        while self._backlog and self._num_admitted < self.capacity:
            _, _, turn = heapq.heappop(self._backlog)
            if not turn.done():
                self._num_admitted += 1
                turn.set_result(None)
        if self._num_admitted < self.capacity:
            self._room.set()
        else:
            self._room.clear()
