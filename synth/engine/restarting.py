"""An engine that is started again when it dies; what was in flight is asked again."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from synth.engine.base import Completion, Engine, EngineLoad, Loss, NewWatch, Request
from synth.engine.config import EngineConfig
from synth.engine.errors import EngineError, TurnedAwayError, poisoned
from synth.engine.load import ended, sum_loads

EngineStarter = Callable[[], Awaitable[Engine]]

# Requests that saw an engine die are let into the next one a few at a time, so that one among them
# which kills it again takes few others with it.
_SUSPECT_SHARE = 1 / 8
_NUM_NAMED = 3
_STALL_LOOKS = 8
_COUNTERS = ("num_prompt_tokens", "num_cached_tokens", "num_generated_tokens")


@dataclass
class Life:
    """An engine from its start to its death."""

    engine: Engine
    num_completions: int = 0
    final_load: EngineLoad | None = None
    """Set at its death."""
    _served: Counter[str] = field(default_factory=Counter)
    _unserved: dict[str, str] = field(default_factory=dict)
    """Kinds by id."""
    _in_flight: dict[str, asyncio.Timeout] = field(default_factory=dict)

    async def serve(self, request: Request, new_watch: NewWatch | None) -> Completion:
        """Serve a request.

        Raises: EngineError: the engine died under it. TurnedAwayError: it did not take it.
        """
        try:
            async with asyncio.timeout(None) as scope:
                self._in_flight[request.id] = scope
                completion = await self.engine.generate(request, new_watch)
        except TimeoutError:
            self._unserved[request.id] = request.kind
            raise EngineError("the engine answers nothing any more") from None
        except TurnedAwayError:
            raise
        except EngineError:
            self._unserved[request.id] = request.kind
            raise
        finally:
            del self._in_flight[request.id]
        self.num_completions += 1
        for counter in _COUNTERS:
            self._served[counter] += getattr(completion, counter)
        return completion

    @property
    def in_flight(self) -> list[str]:
        """Ids of the requests that it has, those that saw it die included."""
        return [*self._unserved, *self._in_flight]

    def progress(self) -> tuple[int, ...]:
        """Return numbers that stay the same only while it does nothing."""
        load = self.engine.load()
        return (self.num_completions, *(getattr(load, counter) for counter in _COUNTERS))

    def give_up(self) -> None:
        """Let the requests that it has fail."""
        now = asyncio.get_running_loop().time()
        for scope in self._in_flight.values():
            if not scope.expired():
                scope.reschedule(now)

    def load(self) -> EngineLoad:
        """Return how busy it is, or what it came to."""
        return self.final_load or self.engine.load()

    async def end(self) -> None:
        """Close the engine that died."""
        self.final_load = replace(self.engine.load(), num_running=0, num_waiting=0)
        await self.engine.close()

    def losses(self) -> Iterator[Loss]:
        """Yield the tokens that no completion has, divided among kinds by unserved requests."""
        load, rest = self.load(), len(self._unserved)
        lost = [getattr(load, counter) - self._served[counter] for counter in _COUNTERS]
        for kind, number in sorted(Counter(self._unserved.values()).items()):
            shares = [tokens * number // rest for tokens in lost]
            yield Loss(kind, number, *shares)
            lost = [tokens - share for tokens, share in zip(lost, shares, strict=True)]
            rest -= number


async def give_up_stalled(current: Callable[[], Life], timeout_s: float) -> None:
    """Give an engine up that does nothing for so long although it has requests; never return.

    Args:
        current: Returns the engine's life at present; after a death another one.
    """
    clock = asyncio.get_running_loop().time
    last, since = None, clock()
    while True:
        await asyncio.sleep(timeout_s / _STALL_LOOKS)
        life = current()
        found = (id(life), *life.progress())
        if found != last or not life.in_flight:
            last, since = found, clock()
        elif clock() - since >= timeout_s:
            life.give_up()


def total_load(lives: Sequence[Life]) -> EngineLoad:
    """Add up the loads of engines that live and the counters of those that died."""
    return sum_loads([_final_load(life) if life.final_load else life.load() for life in lives])


def _final_load(life: Life) -> EngineLoad:
    load, losses = ended(life.load()), tuple(life.losses())
    return replace(load, num_deaths=load.num_deaths + 1, losses=losses)


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
