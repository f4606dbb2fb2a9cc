"""Admission: the engine gets as many requests as it can use, the rest wait in a heap here.

vLLM has no back-pressure of its own. Later stages go first, so samples finish before new ones
begin; within a stage, older samples go first. Once all work has begun, earlier stages go first
instead: what has the longest way to go should not start last.
"""

import asyncio
import heapq
import math
from itertools import count

from synth.engine.admission.meter import RoomMeter
from synth.engine.admission.spare import Place, SpareRoom
from synth.engine.base import Completion, Engine, EngineLayer, NewWatch, Request

_Waiting = tuple[tuple[float, int], int, asyncio.Future[None]]


class AdmittingEngine(EngineLayer):
    """An engine that never passes on more than the inner engine's capacity."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner)
        self._num_admitted = 0
        self._backlog: list[_Waiting] = []
        self._arrival = count()
        self._room = asyncio.Event()
        self._room.set()
        self._is_draining = False
        self.meter = RoomMeter(inner.num_seqs)
        self.spare = SpareRoom(
            lambda: inner.num_seqs, lambda: self._num_admitted + len(self._backlog), self
        )

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Wait for admission, then serve."""
        await self._admit(request)
        try:
            return await self._inner.generate(request, new_watch)
        finally:
            self.leave(was_real=True)

    async def generate_at(
        self, place: Place, request: Request, new_watch: NewWatch | None
    ) -> Completion:
        """Serve a request at a lent place, which may be taken back under it."""
        return await self._inner.generate(request, place.watching(new_watch))

    async def room(self) -> None:
        """Wait until the engine could take one more request than there is."""
        await self._room.wait()

    def drain(self) -> None:
        """Note that all work has begun: from now on the longest chains go first."""
        if self._is_draining:
            return
        self.meter.finish(_now_s())
        self._is_draining = True
        waiting = [(self._key(*key), arrival, turn) for key, arrival, turn in self._backlog]
        heapq.heapify(waiting)
        self._backlog = waiting

    def note(self) -> None:
        """Let the meter know how many requests the engine has."""
        self.meter.note(self._num_admitted + self.spare.num_lent, _now_s())

    def keep(self) -> None:
        """Count a request at a lent place that is a real one now."""
        self._num_admitted += 1
        self.note()

    def leave(self, *, was_real: bool) -> None:
        """Count a request that leaves its place."""
        self._num_admitted -= was_real
        self._wake_next()
        self.note()
        self.spare.lend()

    async def _admit(self, request: Request) -> None:
        turn = asyncio.get_running_loop().create_future()
        key = self._key(request.priority, request.affinity)
        heapq.heappush(self._backlog, (key, next(self._arrival), turn))
        self._wake_next()
        self.note()
        self.spare.take_back()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(was_real=True)
            raise

    def _key(self, priority: float, affinity: int) -> tuple[float, int]:
        if not self._is_draining:
            return (priority, affinity)
        # What is most urgent belongs to no chain, and stays so.
        return (-priority or -math.inf, affinity)

    def _wake_next(self) -> None:
        while self._backlog and self._num_admitted + self.spare.num_lent < self.capacity:
            _, _, turn = heapq.heappop(self._backlog)
            if not turn.done():
                self._num_admitted += 1
                turn.set_result(None)
        if self._num_admitted < self.capacity and not self._backlog:
            self._room.set()
        else:
            self._room.clear()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
