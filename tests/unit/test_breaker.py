"""A stage of which next to nothing is accepted stops the run, with reasons and examples."""

import asyncio
import random
from string import ascii_lowercase

import pytest

from scripted_engine import Answer, ScriptedEngine, request
from scripted_runs import data_files, metrics_of, run_scripted, small_config
from selflengthen.errors import EXIT_FEWER_THAN_ASKED
from synth.config import BreakerConfig
from synth.engine.base import Completion, FinishReason
from synth.method.books.verdicts import Verdicts
from synth.method.stages import Stage
from synth.run.breaker import BreakerError, check_acceptance
from synth.run.directory import RunDirectory
from writer import write

LOOPING = "It goes round and round. " * 40
MANY = {"num_instructions": 64, "generate": {"responses": 2, "attempts": 20}}


class LoopingEngine(ScriptedEngine):
    """Writes nothing but loops in one stage; takes a moment for every request."""

    def __init__(self, stage, **options):
        super().__init__(lambda asked: Answer(LOOPING) if asked.kind is stage else write(asked))
        self._stage = stage

    async def generate(self, asked, new_watch=None):
        await asyncio.sleep(0.005)
        return await super().generate(asked, new_watch)


def verdicts_of(num_accepted, num_dropped, *, is_replayed=False):
    verdicts = Verdicts()
    completion = Completion("", FinishReason.STOP, 1, 0, 1, is_replayed=is_replayed)
    for number in range(num_dropped + num_accepted):
        verdicts.begin(request(number))
    for number in range(num_dropped):
        verdicts.drop(request(number), completion, "loop", "a\nb " * 99)
    for number in range(num_dropped, num_dropped + num_accepted):
        verdicts.accept(request(number), completion)
    return verdicts


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        (Stage.EXPAND, r"expand: \d of "),
        (Stage.GENERATE, "generate: 0 of "),
        (Stage.EXTEND_TAIL, "extend_tail: 0 of "),
    ],
)
def test_a_stage_that_writes_nothing_usable_stops_the_run(tmp_path, stage, says):
    config = small_config(**MANY, expand={"attempts": 4}, breaker={"requests": 50})
    with pytest.raises(BreakerError, match=f"^{says}") as caught:
        run_scripted(tmp_path, config, LoopingEngine(stage))
    assert caught.value.exit_code == 1
    lines = str(caught.value).splitlines()
    assert "the same command goes on" in lines[0]
    assert len(lines) == 4
    assert all(line.startswith("  1-") for line in lines[1:])
    files = RunDirectory(tmp_path).iteration(1)
    assert metrics_of(files)["state"] == "stopped"
    assert not files.manifest.exists()


def test_a_stopped_run_goes_on_once_the_cause_is_mended(tmp_path):
    config = small_config(**MANY, breaker={"requests": 50})
    whole, _ = run_scripted(tmp_path / "whole", small_config(**MANY))
    looping = LoopingEngine(Stage.GENERATE)
    with pytest.raises(BreakerError):
        run_scripted(tmp_path / "out", config, looping)
    files, code = run_scripted(tmp_path / "out", config)
    assert code == 0
    assert metrics_of(files)["replayed"] > 50
    assert data_files(files).keys() == data_files(whole).keys()
    ids = [record.id for record in files.read_records()]
    assert len(set(ids)) == len(ids) > 0


@pytest.mark.parametrize(
    ("breaker", "num_accepted", "is_stopped"),
    [
        ({}, 1, True),
        ({}, 2, False),
        ({"requests": 0}, 0, False),
        ({"min_acceptance": 0.0}, 0, False),
        ({"requests": 201}, 0, False),
        ({"min_acceptance": 0.5}, 99, True),
        ({"min_acceptance": 0.5}, 100, False),
    ],
)
def test_when_a_run_is_stopped(breaker, num_accepted, is_stopped):
    config, verdicts = BreakerConfig(**breaker), verdicts_of(num_accepted, 200 - num_accepted)
    if not is_stopped:
        check_acceptance(config, verdicts)
        return
    with pytest.raises(BreakerError, match=rf"generate: {num_accepted} of 200 requests") as caught:
        check_acceptance(config, verdicts)
    examples = str(caught.value).splitlines()[1:]
    assert len(examples) == 3
    assert all(line.startswith("  request-") and " loop: a b" in line for line in examples), (
        examples
    )


def test_what_is_taken_over_from_a_journal_does_not_count():
    verdicts = verdicts_of(3, 500, is_replayed=True)
    assert verdicts.stages[Stage.GENERATE].num_requests == 0
    assert not verdicts.stages[Stage.GENERATE].pending
    check_acceptance(BreakerConfig(), verdicts)


def test_the_verdicts_of_replicas_are_added_up():
    total = verdicts_of(1, 120).add([verdicts_of(0, 80)])
    assert total.stages[Stage.GENERATE].num_requests == 201
    with pytest.raises(BreakerError, match="1 of 201"):
        check_acceptance(BreakerConfig(), total)


def test_a_good_run_is_not_stopped(tmp_path):
    _, code = run_scripted(tmp_path, small_config(breaker={"requests": 1}))
    assert code == 0


def test_a_request_keeps_its_meaning_when_it_is_replayed():
    first = Completion("a", FinishReason.STOP, 1, 0, 1)
    assert first == Completion("a", FinishReason.STOP, 1, 0, 1, is_replayed=True)
    assert request(1)


class UnevenEngine(ScriptedEngine):
    """One response in twenty is good; the others loop, and end long before it."""

    def __init__(self, **options):
        super().__init__(
            lambda asked: write(asked) if is_good(asked) else Answer(LOOPING), **options
        )

    async def generate(self, asked, new_watch=None):
        if asked.kind is Stage.GENERATE:
            await asyncio.sleep(1.0 if is_good(asked) else 0.02)
        return await super().generate(asked, new_watch)


def is_good(asked):
    return asked.kind is not Stage.GENERATE or random.Random(f"good {asked.id}").random() < 0.05


def test_bad_texts_that_end_early_do_not_stop_a_run_with_enough_good_ones(tmp_path):
    config = small_config(num_instructions=64, generate={"responses": 2, "attempts": 12})
    _, code = run_scripted(tmp_path, config, UnevenEngine(concurrency=256))
    assert code == 0


class MalformedEngine(ScriptedEngine):
    """Three proposals in ten are usable; all take as long, and the usable ones wait their turn."""

    async def generate(self, asked, new_watch=None):
        if asked.kind in (Stage.EXPAND, Stage.JUDGE):
            await asyncio.sleep(0.25)
        return await super().generate(asked, new_watch)


def propose(asked):
    rng = random.Random(f"proposal {asked.id}")
    if asked.kind is not Stage.EXPAND:
        return write(asked)
    if rng.random() < 0.7:
        return Answer("x")
    return Answer(" ".join("".join(rng.choices(ascii_lowercase, k=7)) for _ in range(14)))


def test_proposals_that_wait_their_turn_do_not_stop_a_run(tmp_path):
    short = {"attempts": 1, "max_completion_tokens": 512}
    config = small_config(
        num_instructions=256,
        expand={"attempts": 6, "check_task": False},
        generate={"responses": 1, **short},
        extend={"extensions": 1, "micro_iterations": 1, **short},
    )
    _, code = run_scripted(tmp_path, config, MalformedEngine(propose, concurrency=256))
    assert code == EXIT_FEWER_THAN_ASKED


def test_a_verdict_counts_once_all_older_requests_have_theirs():
    verdicts, completion = Verdicts(), Completion("", FinishReason.STOP, 1, 0, 1)
    for number in range(4):
        verdicts.begin(request(number))
    found = verdicts.stages[Stage.GENERATE]
    for number in (3, 1):
        verdicts.drop(request(number), completion, "loop", "a")
    assert found.num_requests == 0
    verdicts.accept(request(0), completion)
    assert (found.num_accepted, found.num_requests) == (1, 2)
    verdicts.pass_over(request(2))
    assert (found.num_accepted, found.num_requests) == (1, 3)
    assert not found.pending


def test_a_small_limit_is_named_as_it_was_set():
    with pytest.raises(BreakerError, match=r"breaker\.min_acceptance 0\.005 "):
        check_acceptance(BreakerConfig(min_acceptance=0.005), verdicts_of(0, 200))
