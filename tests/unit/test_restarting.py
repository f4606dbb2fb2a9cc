"""An engine that dies, hangs or does not start again: what is repeated, set aside, given up."""

import asyncio
from contextlib import suppress

import pytest

from scripted_engine import Answer, ScriptedEngine, request
from synth.config import EngineConfig
from synth.engine.base import EngineLoad, FinishReason, Loss
from synth.engine.errors import EngineError
from synth.engine.restarting import Life, RestartingEngine, give_up_stalled
from synth.method.stages import Stage

NUM_SEQS = 16


def answer(asked):
    return Answer(f"An answer to {asked.id}. " * 20)


class Mortal(ScriptedEngine):
    """Dies, or hangs, at the requests of a list; all that it has die with it."""

    def __init__(self, deadly=(), *, hangs=False):
        super().__init__(answer, concurrency=NUM_SEQS)
        self._deadly = set(deadly)
        self._hangs = hangs
        self._death = asyncio.Event()
        self.is_closed = False

    async def generate(self, asked, new_watch=None):
        if asked.id in self._deadly:
            await asyncio.sleep(0.001)
            if self._hangs:
                await asyncio.Event().wait()
            self._death.set()
        serving = asyncio.create_task(super().generate(asked, new_watch))
        dying = asyncio.create_task(self._death.wait())
        try:
            await asyncio.wait([serving, dying], return_when=asyncio.FIRST_COMPLETED)
        finally:
            dying.cancel()
            serving.cancel() if self._death.is_set() else None
        if self._death.is_set():
            with suppress(asyncio.CancelledError):
                await serving
            raise EngineError("scripted death")
        return await serving

    async def close(self):
        self.is_closed = True


def serve(engines, requests, announce=print, **settings):
    """Serve requests on one engine after the other."""
    config = EngineConfig(
        max_num_seqs=NUM_SEQS, max_num_batched_tokens=512, max_model_len=512, **settings
    )

    async def run():
        waiting = [make() for make in engines]

        async def start():
            if not waiting:
                raise EngineError("no engine any more")
            return waiting.pop(0)

        engine = RestartingEngine(await start(), start, config, announce)
        try:
            tasks = [asyncio.create_task(engine.generate(asked)) for asked in requests]
            return await asyncio.gather(*tasks), engine.load()
        finally:
            await engine.close()

    return asyncio.run(asyncio.wait_for(run(), 60))


def test_what_was_in_flight_is_asked_again():
    requests, announced = [request(number) for number in range(12)], []
    completions, load = serve([lambda: Mortal(["request-5"]), Mortal], requests, announced.append)
    assert [completion.text for completion in completions] == [
        answer(asked).text for asked in requests
    ]
    assert load.num_deaths == 1
    assert "scripted death" in announced[0]


def test_a_request_that_two_engines_died_with_is_set_aside_and_few_others_with_it():
    requests = [request(number) for number in range(40)]
    mortal = lambda: Mortal(["request-5"])  # noqa: E731
    completions, load = serve([mortal, mortal, Mortal], requests)
    poisoned = [
        asked.id
        for asked, completion in zip(requests, completions, strict=True)
        if completion.finish_reason is FinishReason.ERROR
    ]
    assert "request-5" in poisoned
    assert len(poisoned) <= NUM_SEQS // 8
    assert load.num_deaths == 2
    assert all(
        completion.detail.startswith("poison: ") for completion in completions if completion.detail
    )


def test_what_saw_a_death_is_let_into_the_next_engine_a_few_at_a_time():
    second = Mortal()
    requests = [request(number) for number in range(40)]
    completions, _ = serve([lambda: Mortal(["request-39"]), lambda: second], requests)
    repeated = [asked.id for asked in second.requests]
    assert len(repeated) > NUM_SEQS // 8
    assert second.most_live == NUM_SEQS // 8
    assert all(completion.finish_reason is FinishReason.STOP for completion in completions)


def test_a_request_is_set_aside_at_its_second_death_not_later():
    engines = [Mortal(["request-0"]) for _ in range(3)]
    waiting = list(engines)
    completions, load = serve([lambda: waiting.pop(0)] * 3, [request(0)])
    assert completions[0].detail.startswith("poison: ")
    assert load.num_deaths == 2
    assert engines[2].requests == []


def test_a_completion_between_two_deaths_ends_the_row():
    """Five deaths in all, none in a row of three."""
    waiting = [Mortal([f"request-{number}"]) for number in range(5)] + [Mortal()]
    config = EngineConfig(
        max_num_seqs=NUM_SEQS, max_num_batched_tokens=512, max_model_len=512, max_deaths=2
    )

    async def start():
        return waiting.pop(0)

    async def run():
        engine = RestartingEngine(await start(), start, config, print)
        found = [await engine.generate(request(number)) for number in range(5)]
        load = engine.load()
        await engine.close()
        return found, load

    found, load = asyncio.run(asyncio.wait_for(run(), 60))
    assert [one.finish_reason for one in found] == [FinishReason.STOP] * 5
    assert load.num_deaths == 5


def test_a_hanging_engine_counts_as_dead():
    completions, load = serve(
        [lambda: Mortal(["request-3"], hangs=True), Mortal],
        [request(number) for number in range(8)],
        stall_timeout_s=0.4,
    )
    assert all(completion.finish_reason is FinishReason.STOP for completion in completions)
    assert load.num_deaths == 1


def test_an_engine_without_requests_does_not_stall():
    async def run():
        config = EngineConfig(
            max_num_seqs=4, max_num_batched_tokens=512, max_model_len=512, stall_timeout_s=0.05
        )
        engine = RestartingEngine(Mortal(), None, config, print)
        await asyncio.sleep(0.3)
        completion = await engine.generate(request(0))
        await engine.close()
        return completion, engine.load()

    completion, load = asyncio.run(run())
    assert completion.finish_reason is FinishReason.STOP
    assert load.num_deaths == 0


class Slow:
    """A life with a request that takes long, and moves or not."""

    def __init__(self, moves):
        self.moves, self.looks, self.given_up = moves, 0, asyncio.Event()
        self.in_flight = {"request"}
        self.give_up = self.given_up.set

    def progress(self):
        self.looks += self.moves
        return (self.looks,)


@pytest.mark.parametrize("moves", [True, False])
def test_only_an_engine_that_does_nothing_is_given_up(moves):
    async def watch():
        life = Slow(moves)
        watching = asyncio.create_task(give_up_stalled(lambda: life, 0.05))
        await asyncio.wait([asyncio.create_task(life.given_up.wait())], timeout=0.5)
        watching.cancel()
        return life.given_up.is_set()

    assert asyncio.run(watch()) is not moves


def test_deaths_without_a_completion_in_between_end_the_run():
    class Stillborn(Mortal):
        async def generate(self, asked, new_watch=None):
            raise EngineError("scripted death at once")

    announced = []
    with pytest.raises(EngineError, match=r"at once; 3 deaths .* in flight were request-"):
        serve([Stillborn] * 5, [request(number) for number in range(6)], announced.append)
    assert len(announced) == 2


def test_an_engine_that_does_not_start_again_is_tried_until_the_limit():
    with pytest.raises(EngineError, match="no engine any more; 4 deaths"):
        serve([lambda: Mortal(["request-0"])], [request(0)], max_deaths=4)


def test_lost_tokens_are_the_counters_less_what_completions_have():
    class Counting(Mortal):
        """Counts what was asked for, as vLLM does, whether it is answered or not."""

        def load(self):
            load = super().load()
            total = sum(len(answer(asked).text.split()) for asked in self.requests)
            return type(load)(num_generated_tokens=total, num_prompt_tokens=len(self.requests))

    requests = [request(number, Stage.GENERATE) for number in range(6)]
    requests += [request(number, Stage.EXTEND_TAIL) for number in range(6, 10)]
    completions, load = serve([lambda: Counting(["request-9"]), Counting], requests)
    served = sum(completion.num_generated_tokens for completion in completions)
    lost = sum(loss.generated for loss in load.losses)
    assert lost > 0
    assert load.num_generated_tokens == served + lost
    assert {loss.kind for loss in load.losses} <= {Stage.GENERATE, Stage.EXTEND_TAIL}
    assert sum(loss.requests for loss in load.losses) <= len(requests)


def test_lost_tokens_are_divided_among_kinds_by_their_requests():
    life = Life(Mortal())
    life.final_load = EngineLoad(num_prompt_tokens=31, num_generated_tokens=100)
    life._unserved = {"a": "generate", "b": "extend_tail", "c": "generate"}
    assert list(life.losses()) == [
        Loss("extend_tail", 1, 10, 0, 33),
        Loss("generate", 2, 21, 0, 67),
    ]
