"""Guesses: requests that are served before anybody asks for them.

A request has the same id and the same text whenever it is made. One that is asked for later is
answered by its guess, which then has the rights of a real request; what nobody asks for is waste.
"""

import asyncio
from collections.abc import Callable, Iterable

from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.admission.spare import TAKEN_BACK, Chance, Place
from synth.engine.base import Completion, EngineLayer, NewWatch, Request

OnWaste = Callable[[Request, Completion], None]


class Guess:
    """One request, served in spare room until it is asked for."""

    def __init__(
        self,
        request: Request,
        new_watch: NewWatch | None,
        chance: Chance,
        engine: AdmittingEngine,
        on_waste: OnWaste,
    ) -> None:
        self._request = request
        self._new_watch = new_watch
        self._chance = chance
        self._engine = engine
        self._on_waste = on_waste
        self._place: Place | None = None
        self._is_claimed = False
        self._is_given_up = False
        self._serving = asyncio.create_task(self._serve())

    async def watch(self) -> Completion:
        """Wait for the completion, and leave the guess alone when cancelled."""
        return await asyncio.shield(self._serving)

    async def claim(self) -> Completion:
        """Wait for the completion, which somebody asks for now."""
        self._is_claimed = True
        if self._place is None:
            self._chance.pass_by()
        elif not self._place.is_taken_back:
            self._place.keep()
        return await self._serving

    def give_up(self) -> None:
        """Let it end: nobody will ask for it."""
        self._is_given_up = True
        if self._place is not None:
            self._place.take_back()
        else:
            self._serving.cancel()

    async def end(self) -> None:
        """Wait until it has ended, and account for what it wrote."""
        await asyncio.wait([self._serving])
        # An engine that is gone tells the real requests so.
        if not self._serving.cancelled() and self._serving.exception() is None:
            self._on_waste(self._request, self._serving.result())

    def cancel(self) -> None:
        """End it at once."""
        self._serving.cancel()

    async def _serve(self) -> Completion:
        while not self._is_claimed:
            place = await self._chance.place()
            if place is None:
                continue
            if self._is_claimed:
                place.keep()
            completion = await self._serve_at(place)
            if completion.detail != TAKEN_BACK or self._is_given_up:
                return completion
            self._on_waste(self._request, completion)
        return await self._engine.generate(self._request, self._new_watch)

    async def _serve_at(self, place: Place) -> Completion:
        self._place = place
        try:
            return await self._engine.generate_at(place, self._request, self._new_watch)
        finally:
            self._place = None
            place.leave()


class GuessingEngine(EngineLayer):
    """An engine that answers from guesses what was guessed."""

    def __init__(self, inner: AdmittingEngine, on_waste: OnWaste) -> None:
        super().__init__(inner)
        self._admitting = inner
        self._on_waste = on_waste
        self._guesses: dict[str, Guess] = {}
        self._ending: list[Guess] = []

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Answer from a guess, or serve."""
        guess = self._guesses.pop(request.id, None)
        if guess is None:
            return await self._admitting.generate(request, new_watch)
        return await guess.claim()

    async def guess(
        self, request: Request, new_watch: NewWatch | None, chance: Chance
    ) -> Completion:
        """Serve a request that a chance has come to, when there is room."""
        if request.id not in self._guesses:
            self._guesses[request.id] = Guess(
                request, new_watch, chance, self._admitting, self._on_waste
            )
        return await self._guesses[request.id].watch()

    def give_up(self, request_ids: Iterable[str]) -> None:
        """End guesses that nobody will ask for."""
        for request_id in request_ids:
            if guess := self._guesses.pop(request_id, None):
                guess.give_up()
                self._ending.append(guess)

    async def settle(self) -> None:
        """End all guesses, and wait until they are accounted for."""
        self.give_up(list(self._guesses))
        for guess in self._ending:
            await guess.end()
        self._ending.clear()

    def cancel(self) -> None:
        """End all guesses at once; what they wrote is not accounted for."""
        for guess in (*self._guesses.values(), *self._ending):
            guess.cancel()
