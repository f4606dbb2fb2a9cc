"""Spare room: places in the engine that no real request wants, lent until one does.

They go to chances: chains of requests that may be asked for later. The likeliest chance gets the
next place, and the unlikeliest gives its place back first.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Protocol

from synth.engine.base import NewWatch, WatchCall

TAKEN_BACK = "taken_back"
"""Why a request was aborted that gave its place back."""

# Room that stays free, so that real requests which come and go find it: a share of the sequences.
_FREE_SHARE = 1 / 32
# Room is lent when it has been free for so long: mostly the next real request is on its way.
_PATIENCE_S = 0.2
# What will hardly be asked for would slow down what is.
_MIN_LIKELIHOOD = 0.1
_MIN_COMPACTION = 64

_Bid = tuple[float, int, "Chance"]


class Chance:
    """A chain of requests that may be asked for; it has one place at a time, or waits for one."""

    def __init__(self, room: "SpareRoom", start: Callable[[], None]) -> None:
        """Wait for a place, which starts the chain."""
        self._room = room
        self._start: Callable[[], None] | None = start
        self._turn: asyncio.Future[None] | None = None
        self._place: Place | None = None
        self.likelihood = 0.0

    def revise(self, likelihood: float) -> None:
        """Say how likely it is that the chain will be asked for."""
        if likelihood == self.likelihood:
            return
        self.likelihood = likelihood
        if self._start or (self._turn and not self._turn.done()):
            self._room.bid(self)

    async def place(self) -> "Place | None":
        """Wait for a place; None: the request is asked for now, and needs none of these."""
        if self._place is None:
            self._turn = asyncio.get_running_loop().create_future()
            self._room.bid(self)
            try:
                await self._turn
            finally:
                self._turn = None
                self._room.withdraw(self)
        place, self._place = self._place, None
        return place

    def lend(self, place: "Place") -> None:
        """Take a place."""
        self._place = place
        if self._start is not None:
            start, self._start = self._start, None
            start()
        elif self._turn is not None:
            self._turn.set_result(None)

    def pass_by(self) -> None:
        """Wait no longer."""
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def end(self) -> None:
        """Give up what it waits for, and a place that it has not used."""
        self._start = None
        self._room.withdraw(self)
        if self._place is not None:
            self._place.leave()
            self._place = None


class Place:
    """A place in the engine that is lent."""

    def __init__(self, room: "SpareRoom", likelihood: float) -> None:
        self._room = room
        self.likelihood = likelihood
        self.is_taken_back = False
        self._is_kept = False

    def take_back(self) -> None:
        """Let its request end at its next piece of text."""
        self.is_taken_back = True

    def keep(self) -> None:
        """Belong to a real request from now on."""
        self._is_kept = True
        self._room.give(self)

    def leave(self) -> None:
        """Become free again."""
        self._room.leave(self, is_kept=self._is_kept)

    def watching(self, new_watch: NewWatch | None) -> NewWatch:
        """Return a maker of watches that also see that the place is taken back."""

        def both() -> WatchCall:
            watch = new_watch() if new_watch else None
            return lambda delta: TAKEN_BACK if self.is_taken_back else watch and watch(delta)

        return both


class Owner(Protocol):
    """Whose room it is."""

    def note(self) -> None:
        """Note that places were lent."""

    def keep(self) -> None:
        """Count a request at a lent place that is a real one now."""

    def leave(self, *, was_real: bool) -> None:
        """Count a request that leaves its place, and lend what is free."""


class SpareRoom:
    """Lends what is free."""

    def __init__(
        self, num_seqs: Callable[[], int], num_real: Callable[[], int], owner: "Owner"
    ) -> None:
        """Belong to an engine.

        Args:
            num_seqs: Returns how many requests it can run at present.
            num_real: Returns how many real requests there are, those that wait included.
        """
        self._num_seqs = num_seqs
        self._num_real = num_real
        self._owner = owner
        self._heap: list[_Bid] = []
        self._bids: dict[Chance, _Bid] = {}
        self._number = itertools.count()
        self._lent: dict[Place, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def num_lent(self) -> int:
        """Places that are lent, those that are taken back and not left yet included."""
        return len(self._lent)

    def bid(self, chance: Chance) -> None:
        """Let a chance wait for a place, unless it is too unlikely at present."""
        self.withdraw(chance)
        if chance.likelihood < _MIN_LIKELIHOOD:
            return
        bid = self._bids[chance] = (-chance.likelihood, next(self._number), chance)
        heapq.heappush(self._heap, bid)
        self.lend()

    def withdraw(self, chance: Chance) -> None:
        """Let a chance wait no longer."""
        self._bids.pop(chance, None)
        if len(self._heap) > 2 * len(self._bids) + _MIN_COMPACTION:
            self._heap = list(self._bids.values())
            heapq.heapify(self._heap)

    def lend(self) -> None:
        """Lend what is free, if it still is in a moment."""
        if self._timer is None and self._bids:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_PATIENCE_S, self._lend)

    def _lend(self) -> None:
        self._timer = None
        num_seqs = self._num_seqs()
        num_free = num_seqs - self._num_real() - len(self._lent)
        for _ in range(num_free - int(num_seqs * _FREE_SHARE)):
            chance = self._next()
            if chance is None:
                break
            place = Place(self, chance.likelihood)
            self._lent[place] = None
            chance.lend(place)
        self._owner.note()

    def take_back(self) -> None:
        """Take places back that real requests need: the unlikeliest, then the latest."""
        staying = [place for place in self._lent if not place.is_taken_back]
        num_missing = self._num_real() + len(staying) - self._num_seqs()
        if num_missing > 0:
            staying.reverse()
            staying.sort(key=lambda place: place.likelihood)
            for place in staying[:num_missing]:
                place.take_back()

    def give(self, place: Place) -> None:
        """Let a lent place belong to a real request."""
        del self._lent[place]
        self._owner.keep()

    def leave(self, place: Place, *, is_kept: bool) -> None:
        """Note that a place is free again."""
        if not is_kept:
            del self._lent[place]
        self._owner.leave(was_real=is_kept)

    def _next(self) -> Chance | None:
        while self._heap:
            bid = heapq.heappop(self._heap)
            if self._bids.get(bid[2]) is bid:
                del self._bids[bid[2]]
                return bid[2]
        return None
