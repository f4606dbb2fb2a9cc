"""Servers as one engine: a sample stays on its server, and moves on when that one is gone."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from selflengthen.errors import CommandError
from synth.engine.base import Completion, Engine, EngineLoad, NewWatch, Request
from synth.engine.config import EngineConfig
from synth.engine.errors import BusyEngineError, ClosedEngineError, EngineError, poisoned
from synth.engine.restarting import EngineStarter, Life, give_up_stalled, total_load

RETRY_INTERVAL_S = 10.0
"""Time between two attempts to reach a server that is gone, or that is busy and names no time."""

_MAX_FATAL_DEATHS = 2
# Samples whose server is remembered: far more than are under way at once.
_MAX_REMEMBERED = 1 << 16


@dataclass
class Member:
    """One server."""

    name: str
    connect: EngineStarter
    life: Life
    is_up: bool = True
    num_in_flight: int = 0
    rests_until_s: float = 0.0
    """Time of the loop before which it wants no new request."""

    def current_life(self) -> Life:
        """Return its life at present: the last one while it is gone."""
        return self.life


class Fleet:
    """Spreads requests over servers.

    One that is gone is left out and tried again; one that asks to wait keeps what it has, and gets
    nothing new until then.
    """

    def __init__(
        self, members: list[Member], config: EngineConfig, announce: Callable[[str], None]
    ) -> None:
        self._members = members
        self._config = config
        self._announce = announce
        self._ended: list[Life] = []
        self._member_of: OrderedDict[int, Member] = OrderedDict()
        self._some_up = asyncio.Condition()
        self._refused_since_s: float | None = None
        self._tasks = {
            asyncio.create_task(give_up_stalled(member.current_life, config.stall_timeout_s))
            for member in members
        }

    @classmethod
    async def start(
        cls,
        servers: Mapping[str, EngineStarter],
        config: EngineConfig,
        announce: Callable[[str], None],
    ) -> "Fleet":
        """Connect to all servers, waiting for those that ask for it.

        Raises: EngineError: one of them cannot be used, and why. ConfigError: it refuses an
            adapter.
        """
        found = await asyncio.gather(
            *(_connect(connect, config, announce) for connect in servers.values()),
            return_exceptions=True,
        )
        engines = [engine for engine in found if not isinstance(engine, BaseException)]
        failures = [error for error in found if isinstance(error, BaseException)]
        if failures:
            for engine in engines:
                await engine.close()
            raise failures[0]
        members = [
            Member(name, connect, Life(engine))
            for (name, connect), engine in zip(servers.items(), engines, strict=True)
        ]
        return cls(members, config, announce)

    @property
    def num_seqs(self) -> int:
        """Sequences of the servers that are there."""
        return sum(member.life.engine.num_seqs for member in self._up()) or 1

    @property
    def capacity(self) -> int:
        """Capacities of the servers that are there."""
        return sum(member.life.engine.capacity for member in self._up()) or 1

    def load(self) -> EngineLoad:
        """Return the servers' loads together."""
        return total_load([*(member.life for member in self._members), *self._ended])

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Serve a request, on another server if its own goes away.

        Raises: EngineError: no server has been there, or taken a request, for
            `engine.stall_timeout_s`.
        """
        num_deaths = 0
        while num_deaths < _MAX_FATAL_DEATHS:
            member = await self._member(request.affinity)
            life = member.life
            member.num_in_flight += 1
            try:
                completion = await life.serve(request, new_watch)
            except ClosedEngineError:
                continue
            except BusyEngineError as error:
                self._let_rest(member, error)
            except EngineError as error:
                num_deaths += 1
                await self._leave_out(member, life, error)
            else:
                self._refused_since_s = None
                return completion
            finally:
                member.num_in_flight -= 1
        return poisoned()

    async def close(self) -> None:
        """Leave the servers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for member in self._up():
            await member.life.engine.close()

    def _up(self) -> list[Member]:
        return [member for member in self._members if member.is_up]

    def _ready(self) -> list[Member]:
        """Return the servers that are there and take requests."""
        return [member for member in self._up() if member.rests_until_s <= _now_s()]

    async def _member(self, sequence: int) -> Member:
        """Return a sample's server, or give it the one with the fewest requests.

        Raises: EngineError: none is there for too long.
        """
        while not self._ready():
            await self._wait_for_some()
        member = self._member_of.get(sequence)
        if member is None or member not in self._ready():
            member = min(self._ready(), key=lambda member: member.num_in_flight)
            self._member_of[sequence] = member
            if len(self._member_of) > _MAX_REMEMBERED:
                self._member_of.popitem(last=False)
        return member

    async def _wait_for_some(self) -> None:
        """Wait until a server returns, or the first one has rested.

        Raises: EngineError: none is there for too long.
        """
        rests_s = [member.rests_until_s - _now_s() for member in self._up()]
        try:
            async with asyncio.timeout(min(rests_s, default=self._config.stall_timeout_s)):
                async with self._some_up:
                    await self._some_up.wait()
        except TimeoutError:
            if not self._up():
                raise self._given_up("been there") from None

    def _let_rest(self, member: Member, error: BusyEngineError) -> None:
        """Send a server nothing new for as long as it asks.

        Raises: EngineError: none has taken a request for too long.
        """
        now_s = _now_s()
        self._refused_since_s = self._refused_since_s or now_s
        if now_s - self._refused_since_s >= self._config.stall_timeout_s:
            raise self._given_up("taken a request") from error
        wait_s = _wait_s(error, self._config)
        if member.rests_until_s <= now_s:
            self._announce(f"{error}; nothing new is sent there for {wait_s:g} s")
        member.rests_until_s = max(member.rests_until_s, now_s + wait_s)

    def _given_up(self, what: str) -> EngineError:
        return EngineError(
            f"none of {len(self._members)} servers has {what} for "
            f"{self._config.stall_timeout_s:g} s; start them, then the same command goes on"
        )

    async def _leave_out(self, member: Member, life: Life, error: EngineError) -> None:
        """Send a server nothing more until it is back, unless another request has seen to it."""
        if member.life is not life or not member.is_up:
            return
        member.is_up = False
        self._announce(f"{error}; {len(life.in_flight)} requests are repeated elsewhere")
        life.give_up()
        task = asyncio.create_task(self._bring_back(member))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await life.end()

    async def _bring_back(self, member: Member) -> None:
        while True:
            await asyncio.sleep(RETRY_INTERVAL_S)
            try:
                engine = await member.connect()
            except CommandError:
                continue
            self._ended.append(member.life)
            member.life, member.is_up, member.rests_until_s = Life(engine), True, 0.0
            self._announce(f"server {member.name} is there again")
            async with self._some_up:
                self._some_up.notify_all()
            return


async def _connect(
    connect: EngineStarter, config: EngineConfig, announce: Callable[[str], None]
) -> Engine:
    """Connect, after as many waits as the server asks for.

    Raises: EngineError: it cannot be used, or asked for more than `engine.stall_timeout_s`.
    """
    began_s = _now_s()
    while True:
        try:
            return await connect()
        except BusyEngineError as error:
            wait_s = _wait_s(error, config)
            if _now_s() + wait_s - began_s >= config.stall_timeout_s:
                raise
            announce(f"{error}; asked again in {wait_s:g} s")
            await asyncio.sleep(wait_s)


def _wait_s(error: BusyEngineError, config: EngineConfig) -> float:
    """Return how long a server is left alone: as it asks, but no longer than a hung one."""
    asked_s = RETRY_INTERVAL_S if error.wait_s is None else error.wait_s
    return min(asked_s, config.stall_timeout_s)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
