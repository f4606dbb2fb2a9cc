"""What is made ahead changes how long a run takes, and nothing else."""

import asyncio
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.support.virtual_time import VirtualTimeLoop
from scripted_engine import Answer, ScriptedEngine, request
from scripted_runs import data_files, metrics_of, run_scripted, small_config, working_ahead
from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.admission.guesses import GuessingEngine
from synth.engine.admission.spare import Chance
from synth.engine.base import FinishReason
from synth.engine.errors import EngineError
from synth.engine.journal import CohortJournal
from synth.method.ahead.forecast import Forecast
from synth.method.ahead.work_ahead import Ahead, WorkAhead
from synth.method.books.book import CohortBook
from synth.method.extend import rehearsal_of
from synth.method.recipe import CohortContext
from synth.method.sample import InitialResponse
from synth.method.stages import Stage
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare
from writer import write

TRIES = {
    "num_instructions": 12,
    "cohort_instructions": 6,
    "generate": {"responses": 2, "attempts": 4},
    "extend": {"extensions": 2, "attempts": 3, "micro_iterations": 2},
}


def fail_often(asked):
    """Write as always; of the tries of every third sample, the first ones fail."""
    fails = asked.kind in (Stage.GENERATE, Stage.EXTEND_TAIL) and asked.affinity % 3 == 1
    if fails and any(f"/{name}" in asked.id for name in ("generate-0", "generate-1", "try-0")):
        return Answer("over and over again " * 60)
    return write(asked)


class Slow(ScriptedEngine):
    """Takes time for every piece of a text."""

    async def generate(self, asked, new_watch=None):
        await asyncio.sleep(random.Random(asked.id).random() / 2)
        return await super().generate(asked, new_watch)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    files, _ = run_scripted(folder, small_config(**TRIES), ScriptedEngine(fail_often))
    return data_files(files)


@pytest.mark.parametrize("concurrency", [1, 16, 128])
def test_results_are_the_same_with_and_without(tmp_path, expected, concurrency):
    engine = Slow(fail_often, concurrency=concurrency, shuffle_seed=concurrency)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        files, _ = run_scripted(tmp_path, working_ahead(**TRIES), engine, runner)
    assert data_files(files) == expected
    assert engine.most_live <= concurrency
    speculative = metrics_of(files)["tokens"]["speculative"]
    assert speculative > 0 if concurrency == 128 else speculative >= 0


@pytest.mark.parametrize("dies_after", [20, 60, 200])
def test_a_run_that_died_resumes_to_the_same_results(tmp_path, expected, dies_after):
    config = working_ahead(**TRIES)
    dying = Slow(fail_often, concurrency=64, dies_after=dies_after)
    with pytest.raises(EngineError, match="scripted death"):
        run_scripted(tmp_path, config, dying)
    files, _ = run_scripted(tmp_path, config, Slow(fail_often, concurrency=64))
    assert data_files(files) == expected
    assert metrics_of(files)["replayed"] > 0


def test_it_can_be_switched_off_in_a_run_that_has_begun(tmp_path, expected):
    with pytest.raises(EngineError, match="scripted death"):
        run_scripted(tmp_path, working_ahead(**TRIES), Slow(fail_often, dies_after=150))
    files, _ = run_scripted(tmp_path, small_config(**TRIES), Slow(fail_often))
    assert data_files(files) == expected


def test_a_run_with_room_takes_less_time(tmp_path):
    def seconds(config, name):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            run_scripted(tmp_path / name, config, Slow(fail_often, concurrency=256), runner)
            return runner.get_loop().time()

    with_it = seconds(working_ahead(**TRIES), "with")
    assert with_it < 0.8 * seconds(small_config(**TRIES), "without")


async def until(holds):
    while not holds():
        await asyncio.sleep(0)


def guess(engine, asked, likelihood=1.0):
    """Let a chance come to one request."""
    wasted = []
    guessing = GuessingEngine(engine, lambda request, completion: wasted.append(completion))
    tasks = []
    chance = Chance(
        engine.spare,
        lambda: tasks.append(asyncio.create_task(guessing.guess(asked, None, chance))),
    )
    chance.revise(likelihood)
    return guessing, tasks, wasted


def test_what_was_guessed_is_served_once():
    async def ask():
        inner = ScriptedEngine(lambda _: Answer("text " * 50), concurrency=4)
        guessing, tasks, wasted = guess(AdmittingEngine(inner), request(1))
        await until(lambda: tasks)
        await tasks[0]
        first = await guessing.generate(request(1))
        second = await guessing.generate(request(1))
        return first == second, len(inner.requests), wasted

    assert asyncio.run(ask()) == (True, 2, [])


def test_real_requests_take_the_place_of_guesses():
    async def ask():
        inner = ScriptedEngine(lambda _: Answer("text " * 400), concurrency=1)
        engine = AdmittingEngine(inner)
        guessing, _, wasted = guess(engine, request(1))
        await until(lambda: inner.num_live)
        real = await guessing.generate(request(2))
        guessing.give_up(["request-1"])
        await guessing.settle()
        return real.finish_reason, [one.finish_reason for one in wasted], inner.most_live

    assert asyncio.run(ask()) == (FinishReason.STOP, [FinishReason.ABORT], 1)


def test_a_guess_that_is_asked_for_is_not_taken_back():
    async def ask():
        inner = ScriptedEngine(lambda _: Answer("text " * 400), concurrency=1)
        engine = AdmittingEngine(inner)
        guessing, _, wasted = guess(engine, request(1))
        await until(lambda: inner.num_live)
        first = asyncio.create_task(guessing.generate(request(1)))
        await asyncio.sleep(0)
        second = await guessing.generate(request(2))
        return (await first).finish_reason, second.finish_reason, wasted, inner.most_live

    assert asyncio.run(ask()) == (FinishReason.STOP, FinishReason.STOP, [], 1)


def test_the_likeliest_chance_gets_the_place_and_the_unlikeliest_gives_it_back():
    started, returned = [], []

    async def ask():
        engine = AdmittingEngine(ScriptedEngine(lambda _: Answer("text"), concurrency=2))
        blocking = [asyncio.create_task(engine.generate(request(n))) for n in range(2)]
        await asyncio.sleep(0)
        chances = {}
        for likelihood in (0.3, 0.9, 0.05, 0.6):
            chances[likelihood] = Chance(
                engine.spare, lambda likelihood=likelihood: started.append(likelihood)
            )
            chances[likelihood].revise(likelihood)
        await asyncio.gather(*blocking)
        await until(lambda: len(started) == 2)
        places = [await chances[likelihood].place() for likelihood in started]
        again = asyncio.create_task(engine.generate(request(3)))
        await asyncio.sleep(0)
        returned.extend(place.likelihood for place in places if place.is_taken_back)
        for place in places:
            place.leave()
        await again
        for chance in chances.values():
            chance.end()

    asyncio.run(ask())
    assert started[:2] == [0.9, 0.6]
    assert returned == [0.6]
    assert 0.05 not in started


class Listening(Ahead):
    """Remembers whose extensions are expected."""

    is_listening = True

    def __init__(self):
        self.expected = set()

    def expect(self, sample_id, num_tries, rehearse, likelihood=1.0):
        self.expected.add(sample_id)

    def drop(self, sample_id):
        self.expected.discard(sample_id)


def test_a_response_to_a_near_duplicate_is_not_expected_again(tmp_path):
    recipe = prepare(small_config(), 1, RunDirectory(tmp_path)).recipe
    ahead = Listening()
    forecast = Forecast(CohortContext(recipe, None, None, CohortBook(0), ahead), rehearsal_of)
    first, second = (InitialResponse(f"{n}", None, "a text " * 9, 1, ()) for n in range(2))
    forecast.add(first)
    forecast.remove([first])
    forecast.add(second)
    assert ahead.expected == {"1-e0", "1-e1"}
    forecast.decide([])
    assert ahead.expected == set()


def test_tries_behind_one_that_passes_are_given_up():
    async def ask():
        inner = ScriptedEngine(lambda asked: Answer("a " * (9 if "0" in asked.id else 10**5)))
        engine, wasted = AdmittingEngine(inner), []
        guessing = GuessingEngine(
            engine, lambda _, completion: wasted.append(completion.finish_reason)
        )
        with CohortJournal(tmp_path / "journal.jsonl") as journal:
            ahead = WorkAhead(guessing, journal, engine.spare)

            async def rehearse(number, own):
                await own.generate(request(number))
                return True

            ahead.expect("sample", 3, rehearse)
            await until(lambda: inner.num_live == 3)
            await until(lambda: inner.num_live == 0)
            ahead.begin("sample", 0)
            text = (await guessing.generate(request(0))).text
            ahead.drop("sample")
            await guessing.settle()
            return len(text.split()), wasted, len(inner.requests)

    with TemporaryDirectory() as folder:
        tmp_path = Path(folder)
        assert asyncio.run(asyncio.wait_for(ask(), 20)) == (9, [FinishReason.ABORT] * 2, 3)
