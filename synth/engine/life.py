"""The life of one engine: what it served, and what its death left undone."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from synth.engine.protocol import (
    Completion,
    Engine,
    EngineLoad,
    Loss,
    NewWatch,
    Request,
    Stage,
)
from synth.engine.sum_loads import ended, sum_loads
from synth.errors import EngineError, TurnedAwayError

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
    _unserved: dict[str, Stage] = field(default_factory=dict)
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
            self._unserved[request.id] = request.stage
            raise EngineError("the engine answers nothing any more") from None
        except TurnedAwayError:
            raise
        except EngineError:
            self._unserved[request.id] = request.stage
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
        """Yield the tokens that no completion has, shared out to stages by unserved requests."""
        load, rest = self.load(), len(self._unserved)
        lost = [getattr(load, counter) - self._served[counter] for counter in _COUNTERS]
        for stage, number in sorted(Counter(self._unserved.values()).items()):
            shares = [tokens * number // rest for tokens in lost]
            yield Loss(stage, number, *shares)
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
