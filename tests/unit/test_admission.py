"""What the engine gets at once, and in which order."""

import asyncio
import random

import orjson
import pytest

from benchmarks.support.virtual_time import VirtualTimeLoop
from scripted_engine import Answer, ScriptedEngine, request
from scripted_runs import run_scripted, small_config
from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.admission.meter import RoomMeter, RoomTimes
from synth.method.stages import Stage
from writer import write


class PacedEngine(ScriptedEngine):
    """Takes as long as a text is; one in ten takes ten times as long."""

    async def _stream(self, request, watch):
        completion = await super()._stream(request, watch)
        rng = random.Random(request.id)
        await asyncio.sleep(completion.num_generated_tokens * rng.choice([0.01] * 9 + [0.1]))
        return completion


def test_later_stages_and_older_samples_go_first():
    served = []

    def answer(asked):
        served.append((asked.kind, asked.affinity))
        return Answer("text")

    async def ask():
        engine = AdmittingEngine(ScriptedEngine(answer, concurrency=1))
        asked = [
            (5, Stage.GENERATE),
            (4, Stage.EXPAND),
            (3, Stage.GENERATE),
            (9, Stage.EXTEND_TAIL),
        ]
        await asyncio.gather(*(engine.generate(request(n, stage)) for n, stage in asked))

    asyncio.run(ask())
    assert served == [
        (Stage.GENERATE, 5),
        (Stage.EXTEND_TAIL, 9),
        (Stage.GENERATE, 3),
        (Stage.EXPAND, 4),
    ]


def test_a_cancelled_request_gives_its_place_back():
    async def ask():
        engine = AdmittingEngine(ScriptedEngine(lambda _: Answer("text " * 500), concurrency=1))
        tasks = [asyncio.create_task(engine.generate(request(n))) for n in range(4)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(asyncio.wait_for(ask(), 10))
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 2


def test_a_request_that_is_cancelled_at_its_turn_gives_its_place_on():
    class Cancelling(ScriptedEngine):
        """Cancels another request in the moment in which it gets its turn."""

        async def generate(self, asked, new_watch=None):
            completion = await super().generate(asked, new_watch)
            asyncio.get_running_loop().call_soon(tasks[1].cancel)
            return completion

    tasks = []

    async def ask():
        engine = AdmittingEngine(Cancelling(lambda _: Answer("text"), concurrency=1))
        tasks.extend(asyncio.create_task(engine.generate(request(n))) for n in range(3))
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(asyncio.wait_for(ask(), 10))
    assert isinstance(second, asyncio.CancelledError)
    assert first.text == third.text == "text"


def test_there_is_room_only_below_the_engine_s_capacity():
    async def ask():
        engine = AdmittingEngine(ScriptedEngine(lambda _: Answer("text " * 900), concurrency=2))
        await asyncio.wait_for(engine.room(), 1)
        tasks = [asyncio.create_task(engine.generate(request(n))) for n in range(2)]
        await asyncio.sleep(0)
        waiting = asyncio.create_task(engine.room())
        await asyncio.sleep(0)
        was_full = not waiting.done()
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait_for(waiting, 1)
        await asyncio.gather(*tasks)
        return was_full

    assert asyncio.run(ask())


def test_once_all_work_has_begun_the_longest_chains_go_first():
    served = []

    def answer(asked):
        served.append((asked.kind, asked.affinity))
        return Answer("text")

    async def ask():
        engine = AdmittingEngine(ScriptedEngine(answer, concurrency=1))
        asked = [
            (5, Stage.GENERATE),
            (4, Stage.EXTEND_TAIL),
            (3, Stage.GENERATE),
            (9, Stage.EXPAND),
            (0, Stage.HELD_OUT),
        ]
        tasks = [asyncio.create_task(engine.generate(request(n, stage))) for n, stage in asked]
        await asyncio.sleep(0)
        engine.drain()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert served == [
        (Stage.GENERATE, 5),
        (Stage.HELD_OUT, 0),
        (Stage.EXPAND, 9),
        (Stage.GENERATE, 3),
        (Stage.EXTEND_TAIL, 4),
    ]


def test_the_meter_counts_from_the_first_request_on(monkeypatch):
    clock = iter([0.0, 5.0, 5.0])
    monkeypatch.setattr("synth.engine.admission.admitting._now_s", lambda: next(clock))
    engine = AdmittingEngine(ScriptedEngine(lambda _: Answer("a text"), concurrency=1))

    async def ask_and_drain():
        await engine.generate(request(1))
        engine.drain()

    asyncio.run(ask_and_drain())
    assert engine.meter.times == RoomTimes(seconds=5.0, bubble_seconds=0.0)


def test_a_bubble_is_time_with_room_until_the_last_work_has_begun():
    meter = RoomMeter(2)
    meter.note(1, now_s=0.0)
    meter.note(2, now_s=1.0)
    meter.note(1, now_s=3.0)
    meter.finish(now_s=6.0)
    meter.note(0, now_s=10.0)
    assert meter.times == RoomTimes(seconds=6.0, bubble_seconds=1.0 + 3.0)


@pytest.mark.parametrize(
    "cohort_instructions", [16, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (4, 64))]
)
def test_an_engine_with_work_left_is_never_left_with_room(tmp_path, cohort_instructions):
    """Ranking points and cohorts' stragglers are bridged by other cohorts."""
    config = small_config(
        num_instructions=max(400, 6 * cohort_instructions),
        cohort_instructions=cohort_instructions,
        filter="any_text:AnyText",
    )
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        files, _ = run_scripted(tmp_path, config, PacedEngine(write, concurrency=16), runner)
    schedule = orjson.loads(files.metrics.read_bytes())["schedule"]
    assert schedule["seconds_until_last_cohort"] > 50
    assert schedule["bubble_seconds"] < 0.02 * schedule["seconds_until_last_cohort"]


@pytest.mark.parametrize("num_cohorts", [40, pytest.param(80, marks=pytest.mark.exhaustive)])
def test_only_a_few_cohorts_are_open_whatever_the_run_s_size(tmp_path, num_cohorts):
    most_open = []

    class Watched(ScriptedEngine):
        async def generate(self, request, new_watch=None):
            journals = tmp_path / "iteration-1" / "journal"
            most_open.append(len(list(journals.glob("cohort-*.jsonl"))))
            return await super().generate(request, new_watch)

    config = small_config(
        num_instructions=4 * num_cohorts, cohort_instructions=4, filter="any_text:AnyText"
    )
    run_scripted(tmp_path, config, Watched(write, concurrency=16))
    assert 1 < max(most_open) <= 16
