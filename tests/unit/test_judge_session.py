"""`synth judge`: what is asked, again and not again, warned of and refused."""

import asyncio
import json

import pytest

from command import synth
from judged_answers import (
    READABLE,
    judge_on,
    prefer,
    rating_all,
    scores,
    settings,
    write_answers,
)
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import SMALL, small_config
from selflengthen.contract.judged.report import JudgeReport
from selflengthen.errors import ConfigError, DirectoryError
from selflengthen.files.json_file import read_as
from selflengthen.process.own_modules import ROOT
from synth.display.judged import judged_tables
from synth.engine.errors import EngineError
from synth.eval.directory import ExamDirectory
from synth.eval.prepare import prepare_eval
from synth.judging.directory import JudgedDirectory
from synth.judging.prepare import prepare_judging


def test_a_judging_that_died_goes_on_and_a_complete_one_asks_nothing(tmp_path):
    for folder in ("whole", "died"):
        write_answers(tmp_path / folder, "base", ["plain", "plain"])
        write_answers(tmp_path / folder, "mine", ["good", "good words"])
    judge = rating_all(READABLE, prefer("good"))
    whole = judge_on(tmp_path / "whole", ScriptedEngine(judge))
    total = 4 + 4 + 2 * 4
    asked = 0
    # In the ratings, and again in the comparisons.
    for dies_after in (5, total - 5 - 3):
        dying = ScriptedEngine(judge, dies_after=dies_after, concurrency=1)
        with pytest.raises(EngineError, match="scripted death"):
            judge_on(tmp_path / "died", dying)
        asked += dies_after
    judged = tmp_path / "died" / "judged" / "test-judge-8b"
    assert (judged / "ratings-mine.jsonl").exists()
    assert not (judged / "comparisons-mine.jsonl").exists()
    last = ScriptedEngine(judge)
    assert judge_on(tmp_path / "died", last) == whole
    assert len(last.requests) == total - asked > 0
    assert not list((judged / "journal").iterdir())
    idle = ScriptedEngine(judge)
    assert judge_on(tmp_path / "died", idle) == whole
    assert not idle.requests


def test_subjects_that_come_later_are_all_that_is_asked_about(tmp_path):
    write_answers(tmp_path, "base", ["plain"])
    judge = rating_all(READABLE, prefer("good"))
    judge_on(tmp_path, ScriptedEngine(judge))
    write_answers(tmp_path, "mine", ["good"])
    engine = ScriptedEngine(judge)
    report = judge_on(tmp_path, engine)
    assert list(report.subjects) == ["base", "mine"]
    assert len(engine.requests) == 2 + 2 * 2
    assert report.subjects["mine"].against_base.wins == 2


def test_what_was_said_of_other_answers_is_refused(tmp_path):
    judge = rating_all(READABLE, prefer("good"))
    write_answers(tmp_path, "base", ["plain"])
    write_answers(tmp_path, "mine", ["good"])
    judge_on(tmp_path, ScriptedEngine(judge))
    write_answers(tmp_path, "mine", ["better"])
    with pytest.raises(DirectoryError, match=r"ratings-mine.jsonl: of other answers"):
        judge_on(tmp_path, None)
    judged = tmp_path / "judged" / "test-judge-8b"
    (judged / "ratings-mine.jsonl").unlink()
    with pytest.raises(DirectoryError, match=r"comparisons-mine.jsonl: of other answers"):
        judge_on(tmp_path, None)


def test_a_journal_of_other_answers_is_not_used(tmp_path):
    write_answers(tmp_path, "base", ["plain", "plain"])
    dying = ScriptedEngine(rating_all(READABLE), dies_after=2, concurrency=1)
    with pytest.raises(EngineError):
        judge_on(tmp_path, dying)
    write_answers(tmp_path, "base", ["other", "other"])
    engine = ScriptedEngine(rating_all(READABLE))
    judge_on(tmp_path, engine)
    assert len(engine.requests) == 4


def test_another_judge_has_a_folder_of_its_own_and_the_same_one_its_settings(tmp_path):
    write_answers(tmp_path, "base", ["plain"])
    judge_on(tmp_path, ScriptedEngine(rating_all(READABLE)))
    other = ScriptedEngine(rating_all(scores(5, 5, 5, 5, 5, 5)))
    assert judge_on(tmp_path, other, settings("other")).subjects["base"].quality.value == 100
    assert judge_on(tmp_path, None).subjects["base"].quality.value == 50
    with pytest.raises(DirectoryError, match=r"config.judge.attempts 3 -> 4"):
        prepare_judging(settings(attempts=4), ExamDirectory(tmp_path))
    elsewhere = SMALL["engine"] | {"max_num_seqs": 99}
    assert judge_on(tmp_path, None, settings(engine=elsewhere)).subjects["base"].rated == 2


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("Qwen/Qwen3-8B", "Qwen-Qwen3-8B"),
        ("/data/models/big judge/", "data-models-big-judge"),
        ("../..", "judge"),
    ],
)
def test_a_judge_s_name_makes_a_folder(tmp_path, model, folder):
    assert JudgedDirectory.of(tmp_path, model).folder == tmp_path / "judged" / folder


def test_the_answers_directory_does_not_depend_on_the_judge(tmp_path):
    def evaluate(**changes):
        config = small_config(eval={"num_requests": 2, "answers": 1, **changes})
        sitting = prepare_eval(config, ("base",), None, ExamDirectory(tmp_path))
        with sitting.directory.locked():
            sitting.directory.claim(sitting.resolved)
            return asyncio.run(sitting.run_on(ScriptedEngine(lambda _: Answer("Some words."))))

    judge = {"model": {"name": "other"}, "engine": SMALL["engine"]}
    first = evaluate()
    path = tmp_path / "config.json"
    written = json.loads(path.read_bytes())
    assert "judge" not in written["config"]["eval"]
    assert evaluate(judge=judge) == first
    assert json.loads(path.read_bytes())["digest"] == written["digest"]
    # As it was written before there was the key.
    del written["execution"]["eval"]
    path.write_text(json.dumps(written))
    assert evaluate(judge=judge) == first
    assert evaluate() == first
    before = path.read_bytes()
    config = small_config(eval={"num_requests": 1, "judge": judge})
    assert judge_on(tmp_path, ScriptedEngine(rating_all(READABLE)), config).subjects["base"].rated
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["scripted", "else/Scripted", "/models/scripted/"])
def test_a_model_that_judges_itself_is_warned_of(tmp_path, name):
    write_answers(tmp_path, "base", ["plain"])
    engine = ScriptedEngine(rating_all(READABLE))
    report = judge_on(tmp_path, engine, settings(name))
    assert report.warnings == (
        f"the judge, {name}, is the model that is judged (scripted); take another one",
    )


def test_so_is_the_one_that_answered_then(tmp_path):
    write_answers(tmp_path, "base", ["plain"])
    (tmp_path / "config.json").write_text('{"config": {"model": {"name": "test/judge-8b"}}}')
    (warning,) = judge_on(tmp_path, ScriptedEngine(rating_all(READABLE))).warnings
    assert "the model that is judged (test/judge-8b)" in warning
    (warning,) = judge_on(
        tmp_path, ScriptedEngine(rating_all(READABLE)), settings("scripted")
    ).warnings
    assert "the model that is judged (scripted)" in warning


def test_without_the_base_nothing_is_compared_and_a_line_says_so(tmp_path):
    write_answers(tmp_path, "mine", ["good"])
    engine = ScriptedEngine(rating_all(READABLE))
    report = judge_on(tmp_path, engine)
    (warning,) = report.warnings
    assert warning.startswith("no answers of base: nothing is compared")
    assert report.subjects["mine"].against_base is None
    assert not any(request.choices for request in engine.requests)
    assert len(list(judged_tables(report))) == 1
    # Once it has answered, only that is asked.
    write_answers(tmp_path, "base", ["plain"])
    engine = ScriptedEngine(rating_all(READABLE, prefer("good")))
    report = judge_on(tmp_path, engine)
    assert report.warnings == ()
    assert report.subjects["mine"].against_base.wins == 2
    assert len(engine.requests) == 2 + 2 * 2


def test_a_judge_without_one_readable_rating_is_refused(tmp_path):
    write_answers(tmp_path, "base", ["plain"])
    write_answers(tmp_path, "mine", ["good"])
    engine = ScriptedEngine(rating_all("I am but\n a " + "small " * 100 + "model."))
    with pytest.raises(ConfigError) as caught:
        judge_on(tmp_path, engine)
    message = str(caught.value)
    assert message.startswith("eval.judge.model: test/judge-8b gave not one readable rating of 4; ")
    assert "e.g. of base-00000-r0 (unreadable): 'I am but\\n a small " in message
    assert "\n" not in message
    assert len(message) < 400 + len(str(tmp_path))
    assert not any(request.choices for request in engine.requests)
    with pytest.raises(ConfigError, match="not one readable rating of 4"):
        prepare_judging(settings(), ExamDirectory(tmp_path))


def test_answers_that_all_failed_are_not_the_judge_s_fault(tmp_path):
    write_answers(tmp_path, "base", ["plain"], failed=[0])
    base = judge_on(tmp_path, ScriptedEngine(rating_all(READABLE))).subjects["base"]
    assert (base.rated, base.reasons, base.quality, base.dimensions) == (
        *(0, {"no_answer": 2}),
        *(None, {}),
    )


OWN_JUDGE = """
import json
from synth.engine.base import Completion, FinishReason, OwnEngine

class Judge(OwnEngine):
    async def generate(self, request, new_watch=None):
        said = "A" if request.choices else {said!r}
        return Completion(said, FinishReason.STOP, 1, 0, 1)
"""


def command(tmp_path, *options):
    return synth(
        *("judge", "--config", ROOT / "configs" / "cpu.yaml", "--out", tmp_path / "eval"), *options
    )


@pytest.fixture
def own_judge(tmp_path, monkeypatch):
    """Return a function that makes the options of a judge that always says the same."""

    def make(said, name="test/judge-8b"):
        (tmp_path / "my_judge.py").write_text(OWN_JUDGE.format(said=said))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        settings = {
            "model.name": name,
            "engine.kind": "my_judge:Judge",
            "engine.max_num_seqs": 4,
            "engine.max_num_batched_tokens": 512,
            "engine.max_model_len": 4096,
        }
        pairs = [("-o", f"eval.judge.{key}={value}") for key, value in settings.items()]
        return [word for pair in pairs for word in pair]

    return make


def test_the_command_prints_tables_and_warnings(tmp_path, own_judge):
    write_answers(tmp_path / "eval", "base", ["plain"])
    write_answers(tmp_path / "eval", "mine", ["good"])
    options = own_judge(READABLE, name="elsewhere/smollm2-135m-instruct")
    code, output, errors = command(tmp_path, *options)
    assert (code, errors) == (0, "")
    assert "rated by elsewhere/smollm2-135m-instruct" in output
    assert "starting my_judge:Judge" in output
    assert "warning: the judge, elsewhere/smollm2-135m-instruct, is the model that is" in output
    report = tmp_path / "eval" / "judged" / "elsewhere-smollm2-135m-instruct" / "judge.json"
    assert read_as(JudgeReport, report, "").subjects["mine"].quality.value == 50
    code, output, errors = command(tmp_path, *options)
    assert (code, errors) == (0, "")
    assert "starting" not in output
    assert "rated by" in output


def test_the_command_s_refusals_are_one_line(tmp_path, own_judge):
    code, output, errors = command(tmp_path)
    assert (code, output) == (2, "")
    assert errors == (
        "error: eval.judge: missing; set eval.judge.model.name and eval.judge.engine\n"
    )
    options = own_judge("No idea.")
    code, output, errors = command(tmp_path, *options)
    assert (code, output) == (2, "")
    assert errors == (
        f"error: --out {tmp_path / 'eval'}: no answers there; let `synth eval` write them first\n"
    )
    assert not (tmp_path / "eval").exists()
    write_answers(tmp_path / "eval", "base", ["plain"])
    for _ in range(2):
        code, _, errors = command(tmp_path, *options)
        assert code == 2
        assert errors.count("\n") == 1
        assert "gave not one readable rating of 2; e.g. of base-00000-r0" in errors
        assert "'No idea.'" in errors
