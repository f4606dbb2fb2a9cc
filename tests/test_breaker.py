"""A stage of which next to nothing is accepted stops the run, with reasons and examples."""

import asyncio

import pytest

from runs import data_files, metrics_of, run_scripted, small_config
from scripted_engine import Answer, ScriptedEngine, request
from synth.breaker import check_acceptance
from synth.config import BreakerConfig
from synth.engine.protocol import Completion, FinishReason, Stage
from synth.errors import BreakerError
from synth.pipeline.verdicts import Verdicts, example_of
from synth.run_directory import RunDirectory
from writer import write

LOOPING = "It goes round and round. " * 40
MANY = {"num_instructions": 96, "generate": {"responses": 2, "attempts": 20}}


class LoopingEngine(ScriptedEngine):
    """Writes nothing but loops in one stage; takes a moment for every request."""

    def __init__(self, stage, **options):
        super().__init__(lambda asked: Answer(LOOPING) if asked.stage is stage else write(asked))
        self._stage = stage

    async def generate(self, asked, new_watch=None):
        await asyncio.sleep(0.005)
        return await super().generate(asked, new_watch)


def verdicts_of(num_accepted, num_dropped, *, is_replayed=False):
    verdicts = Verdicts()
    completion = Completion("", FinishReason.STOP, 1, 0, 1, is_replayed=is_replayed)
    for number in range(num_dropped):
        verdicts.drop(Stage.GENERATE, completion, example_of(f"r{number}", "loop", "a\nb " * 99))
    for _ in range(num_accepted):
        verdicts.accept(Stage.GENERATE, completion)
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
    config = small_config(**MANY, breaker={"requests": 50})
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
    ids = [record["id"] for record in files.read_records()]
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
    with pytest.raises(BreakerError, match=rf"generate: {num_accepted} of 200 requests accepted"):
        check_acceptance(config, verdicts)


def test_what_is_taken_over_from_a_journal_does_not_count():
    verdicts = verdicts_of(3, 500, is_replayed=True)
    assert not verdicts.stages
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
