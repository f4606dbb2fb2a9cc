"""Several engines as one: who serves what, and what happens when one goes away."""

import asyncio

import pytest

from scripted_engine import Answer, ScriptedEngine, request
from synth.config import EngineConfig
from synth.engine import fleet
from synth.engine.base import FinishReason
from synth.engine.errors import BusyEngineError, ClosedEngineError, EngineError
from synth.engine.fleet import Fleet

TEXT = "An answer that takes a few pieces. " * 20


class Server(ScriptedEngine):
    """Can be switched off, with all that it has, and on again."""

    def __init__(self):
        super().__init__(lambda _: Answer(TEXT))
        self.is_there = True
        self._gone = asyncio.Event()
        self._is_hanging = False
        self._refusals = []
        self.num_held = 0

    async def connect(self):
        if self._refusals:
            raise self._refusals.pop()
        if not self.is_there:
            raise EngineError("no server there")
        self._gone.clear()
        return self

    def turn_away(self, error, times=1):
        """Take none of the next requests."""
        self._refusals += [error] * times

    def hang(self):
        """Serve nothing from now on, and hold on to what is asked."""
        self._is_hanging = True

    def switch_off(self):
        self.is_there = False
        self._gone.set()

    async def generate(self, asked, new_watch=None):
        if self._refusals:
            raise self._refusals.pop()
        if self._is_hanging:
            self.num_held += 1
            await self._gone.wait()
        serving = asyncio.ensure_future(super().generate(asked, new_watch))
        going = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait([serving, going], return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                raise EngineError("the server went away")
            return serving.result()
        finally:
            serving.cancel()
            going.cancel()


@pytest.fixture(autouse=True)
def short_retries(monkeypatch):
    monkeypatch.setattr(fleet, "RETRY_INTERVAL_S", 0.01)


def with_fleet(work, num_servers=3, **settings):
    """Do some work with a fleet; return its result, and what was announced."""
    announced = []
    config = EngineConfig(
        kind="server",
        urls=["http://scripted"],
        max_num_seqs=16,
        max_num_batched_tokens=512,
        max_model_len=512,
        **settings,
    )

    async def run():
        servers = [Server() for _ in range(num_servers)]
        connections = {f"server-{number}": one.connect for number, one in enumerate(servers)}
        engine = await Fleet.start(connections, config, announced.append)
        try:
            return await work(engine, servers)
        finally:
            await engine.close()

    return asyncio.run(asyncio.wait_for(run(), 30)), announced


def test_servers_share_the_work_and_a_sample_stays_on_its_server():
    async def work(engine, servers):
        for _ in range(3):
            await asyncio.gather(*(engine.generate(request(number)) for number in range(30)))
        return servers

    servers, announced = with_fleet(work)
    asked = [{one.affinity for one in server.requests} for server in servers]
    assert [len(server.requests) for server in servers] == [30, 30, 30]
    assert not asked[0] & asked[1] | asked[1] & asked[2] | asked[0] & asked[2]
    assert not announced


def test_what_a_server_leaves_behind_is_served_by_others():
    async def work(engine, servers):
        servers[1].hang()
        asking = [asyncio.create_task(engine.generate(request(n))) for n in range(30)]
        while servers[1].num_held < 10:
            await asyncio.sleep(0)
        servers[1].switch_off()
        completions = await asyncio.gather(*asking)
        return completions, engine.capacity, engine.load()

    (completions, capacity, load), announced = with_fleet(work)
    assert {completion.text for completion in completions} == {TEXT}
    assert capacity == 32
    assert load.num_deaths == 1
    assert len(announced) == 1
    assert "10 requests are repeated elsewhere" in announced[0]


def test_a_server_that_returns_is_used_again():
    async def work(engine, servers):
        servers[0].switch_off()
        await engine.generate(request(0))
        servers[0].is_there = True
        while engine.capacity < 48:
            await asyncio.sleep(0.01)
        served_before = len(servers[0].requests)
        await asyncio.gather(*(engine.generate(request(number)) for number in range(100, 130)))
        return len(servers[0].requests) - served_before

    served, announced = with_fleet(work)
    assert served == 10
    assert "is there again" in announced[-1]


def test_a_request_that_saw_two_servers_die_is_set_aside():
    async def work(engine, servers):
        for server in servers:
            server.switch_off()
        completion = await engine.generate(request(0))
        return completion, [len(server.requests) for server in servers]

    (completion, asked), _ = with_fleet(work, num_servers=3)
    assert completion.finish_reason is FinishReason.ERROR
    assert completion.detail.startswith("poison")
    assert sorted(asked) == [0, 1, 1]


def test_a_server_that_hangs_counts_as_gone():
    async def work(engine, servers):
        servers[0].hang()
        servers[0].is_there = False
        return await asyncio.gather(*(engine.generate(request(number)) for number in range(9)))

    completions, announced = with_fleet(work, num_servers=2, stall_timeout_s=0.4)
    assert {completion.text for completion in completions} == {TEXT}
    assert sum("repeated elsewhere" in message for message in announced) == 1


def test_no_server_for_too_long_is_an_error_with_a_remedy():
    async def work(engine, servers):
        servers[0].switch_off()
        return await engine.generate(request(0))

    with pytest.raises(EngineError, match="then the same command goes on"):
        with_fleet(work, num_servers=1, stall_timeout_s=0.1)


def test_a_server_that_cannot_be_used_ends_the_start():
    async def run():
        there, gone = Server(), Server()
        gone.switch_off()
        return await Fleet.start({"there": there.connect, "gone": gone.connect}, None, print)

    with pytest.raises(EngineError, match="no server there"):
        asyncio.run(run())


def test_a_request_that_was_never_sent_is_repeated_and_saw_no_death():
    async def work(engine, servers):
        for server in servers:
            server.turn_away(ClosedEngineError("left out"), times=5)
        return await engine.generate(request(0)), engine.load()

    (completion, load), announced = with_fleet(work)
    assert completion.text == TEXT
    assert load.num_deaths == 0
    assert not announced


def test_a_server_that_asks_to_wait_goes_on_with_what_it_has_and_gets_nothing_new():
    async def work(engine, servers):
        under_way = [asyncio.create_task(engine.generate(request(n))) for n in range(6)]
        while not all(server.num_live for server in servers):
            await asyncio.sleep(0)
        servers[0].turn_away(BusyEngineError("429: slow down", 20.0))
        asked = [asyncio.create_task(engine.generate(request(n))) for n in range(100, 130)]
        completions = await asyncio.gather(*under_way, *asked)
        return completions, [len(server.requests) for server in servers], engine.load()

    (completions, served, load), announced = with_fleet(work, num_servers=2)
    assert {completion.text for completion in completions} == {TEXT}
    assert served == [3, 33]
    assert load.num_deaths == 0
    assert announced == ["429: slow down; nothing new is sent there for 20 s"]


def test_requests_wait_for_the_first_server_that_has_rested():
    async def work(engine, servers):
        servers[0].turn_away(BusyEngineError("503: loading", 0.05))
        servers[1].turn_away(BusyEngineError("503: loading", 25.0))
        return await asyncio.gather(*(engine.generate(request(n)) for n in range(4)))

    completions, announced = with_fleet(work, num_servers=2)
    assert {completion.text for completion in completions} == {TEXT}
    assert len(announced) == 2


def test_a_server_may_ask_to_wait_no_longer_than_a_hung_one_is_waited_for():
    async def work(engine, servers):
        servers[0].turn_away(BusyEngineError("503", 86400.0))
        return await engine.generate(request(0))

    completion, announced = with_fleet(work, num_servers=1, stall_timeout_s=0.2)
    assert completion.text == TEXT
    assert announced == ["503; nothing new is sent there for 0.2 s"]


def test_servers_that_take_nothing_for_too_long_are_an_error_also_for_later_requests():
    async def work(engine, servers):
        servers[0].turn_away(BusyEngineError("503"), times=1000)
        for number in range(3):
            with pytest.raises(
                EngineError, match=r"none of 1 servers has taken a request for 0\.1"
            ):
                await engine.generate(request(number))
        servers[0]._refusals.clear()
        return await engine.generate(request(9))

    completion, _ = with_fleet(work, num_servers=1, stall_timeout_s=0.1)
    assert completion.text == TEXT


def test_a_server_that_still_loads_is_waited_for_at_the_start():
    config = EngineConfig(
        kind="server",
        urls=["http://scripted"],
        max_num_seqs=16,
        max_num_batched_tokens=512,
        max_model_len=512,
    )

    async def run():
        server = Server()
        server.turn_away(BusyEngineError("503: loading", 0.01), times=3)
        engine = await Fleet.start({"one": server.connect}, config, print)
        completion = await engine.generate(request(0))
        await engine.close()
        return completion

    assert asyncio.run(run()).text == TEXT
