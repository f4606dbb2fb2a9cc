"""Rehearsals: tries of samples before their turn.

A sample has up to so many tries, of which the first that passes counts. Each can be rehearsed: the
coroutine of the try runs on guesses instead of requests, and nothing stays of it but the guesses.
When its turn comes, the real try asks for the same requests, by the same ids, and is answered from
them. So results are the same with rehearsals and without.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from synth.engine.admission.guesses import GuessingEngine
from synth.engine.admission.spare import Chance, SpareRoom
from synth.engine.base import Completion, EngineLayer, NewWatch, Request
from synth.engine.journal import CohortJournal
from synth.method.ahead.expecting import Ahead, Rehearse

# A try is taken to fail as often as not.
_FAILURE = 0.5


class RehearsalEngine(EngineLayer):
    """Answers what a try asks in a rehearsal: from the journal, or from a guess."""

    def __init__(self, inner: GuessingEngine, journal: CohortJournal) -> None:
        super().__init__(inner)
        self._guessing = inner
        self._journal = journal
        self.chance: Chance
        self.asked: list[str] = []
        """Ids of the requests that were guessed."""

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Guess."""
        known = self._journal.known(request.id)
        if known is not None:
            return known
        self.asked.append(request.id)
        return await self._guessing.guess(request, new_watch, self.chance)


@dataclass
class _Try:
    """A try before its turn."""

    engine: RehearsalEngine
    rehearse: Callable[[], Awaitable[bool]]
    on_end: Callable[[], None]
    give_up: Callable[[Iterable[str]], None]
    running: "asyncio.Future[bool] | None" = None
    passes: bool | None = None
    """None: that is not known yet."""

    def start(self) -> None:
        self.running = asyncio.ensure_future(self.rehearse())
        self.running.add_done_callback(self._end)

    def stop(self) -> None:
        """Rehearse no further; the guesses stay."""
        if self.running is not None:
            self.running.cancel()
        self.engine.chance.end()

    def _end(self, running: "asyncio.Future[bool]") -> None:
        # A rehearsal that failed will fail for the real try too, which tells.
        if not running.cancelled() and running.exception() is None:
            self.passes = running.result()
            self.on_end()
        self.engine.chance.end()


@dataclass
class _Sample:
    """The tries of a sample that have not had their turn."""

    likelihood: float
    """That the sample will be needed."""
    tries: dict[int, _Try] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    """Ids of the requests that were guessed, by try."""
    is_begun: bool = False
    """Whether a real try is under way."""

    def revise(self) -> None:
        """Say how likely each try will be needed."""
        likelihood = self.likelihood * (_FAILURE if self.is_begun else 1.0)
        for _, one in sorted(self.tries.items()):
            if not likelihood:
                one.stop()
                one.give_up(one.engine.asked)
                continue
            one.engine.chance.revise(likelihood)
            if one.passes is not False:
                likelihood *= 0.0 if one.passes else _FAILURE

    def begin(self, number: int) -> None:
        """Let a real try begin."""
        self.is_begun = True
        if one := self.tries.pop(number, None):
            one.stop()
        self.revise()

    def stop(self) -> None:
        """Rehearse no further."""
        for one in self.tries.values():
            one.stop()


class WorkAhead(Ahead):
    """Rehearses the tries of a cohort's samples, the likeliest first, while there is room."""

    is_listening = True

    def __init__(self, guessing: GuessingEngine, journal: CohortJournal, room: SpareRoom) -> None:
        self._guessing = guessing
        self._journal = journal
        self._room = room
        self._samples: dict[str, _Sample] = {}

    def expect(
        self, sample_id: str, num_tries: int, rehearse: Rehearse, likelihood: float = 1.0
    ) -> None:
        """Rehearse a sample's tries, as there is room."""
        sample = self._samples.get(sample_id)
        if sample is None:
            sample = self._samples[sample_id] = _Sample(likelihood)
            for number in range(num_tries):
                sample.tries[number] = self._try(sample, number, rehearse)
        elif sample.likelihood == likelihood:
            return
        sample.likelihood = likelihood
        sample.revise()

    def begin(self, sample_id: str, number: int) -> None:
        """Leave a try to the real one, which finds its guesses."""
        self._samples[sample_id].begin(number)

    def drop(self, sample_id: str) -> None:
        """Give up what was guessed of a sample and not asked for."""
        if sample := self._samples.pop(sample_id, None):
            sample.stop()
            for request_ids in sample.asked:
                self._guessing.give_up(request_ids)

    def close(self) -> None:
        """Drop all samples."""
        for sample_id in list(self._samples):
            self.drop(sample_id)

    def _try(self, sample: _Sample, number: int, rehearse: Rehearse) -> _Try:
        engine = RehearsalEngine(self._guessing, self._journal)
        one = _Try(engine, lambda: rehearse(number, engine), sample.revise, self._guessing.give_up)
        engine.chance = Chance(self._room, one.start)
        sample.asked.append(engine.asked)
        return one
