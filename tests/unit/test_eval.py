"""`synth eval`: suites, subjects, answers and what they show."""

import asyncio
import json
import random

import pytest

from bare_adapter import write_adapter
from command import synth
from filters.demand import DemandKind, demands_in
from filters.instruction import WRITTEN_KINDS, kind_of
from filters.length_score import length_quality
from filters.measures import bootstrap_mean
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import small_config
from selflengthen.contract.exam.evaluation import Evaluation
from selflengthen.errors import ConfigError, DirectoryError, UsageError
from selflengthen.files.json_file import read_as
from selflengthen.process.own_modules import ROOT
from synth.display.evaluation import evaluation_tables
from synth.engine.base import FinishReason
from synth.engine.errors import EngineError
from synth.eval.directory import ExamDirectory
from synth.eval.prepare import prepare_eval
from synth.eval.suite import load_suite
from synth.eval_config import EvalConfig
from synth.run.directory import RunDirectory

QUERIES = [
    "Write a story about a lighthouse in about 100 words.",
    "Write a report on bees of 200 to 300 words.",
    "Explain how a lock works in at least 400 words.",
    "写一篇关于茶的文章，不超过500字。",
]


@pytest.fixture
def suite(tmp_path):
    return write_suite(tmp_path, [{"query": query} for query in QUERIES])


def write_suite(folder, rows):
    path = folder / "suite.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def settings(suite, **changes):
    return small_config(eval={"suite": str(suite), "answers": 2, **changes})


def evaluate_on(folder, config, engine, names=("base",), run=None):
    sitting = prepare_eval(config, names, run, ExamDirectory(folder))
    with sitting.directory.locked():
        sitting.directory.claim(sitting.resolved)
        return asyncio.run(sitting.run_on(engine))


def obedient(request):
    """The adapter writes what is asked for, the base a hundred words."""
    (found,) = demands_in(request.user)
    number = round(found.demand.middle) if request.adapter else 100
    return Answer(" ".join(f"word{place}" for place in range(number)))


def test_scores_are_those_of_the_published_formulas(tmp_path):
    lines = (ROOT / "tests" / "golden" / "length_scores.jsonl").read_text("utf-8").splitlines()
    recorded = [json.loads(line) for line in lines]
    rows = [
        {key: row[key] for key in ("language", "type", "constraint")} | {"query": "Write."}
        for row in recorded
    ]
    tasks = load_suite(EvalConfig(suite=str(write_suite(tmp_path, rows)))).tasks
    assert len(tasks) == 500
    assert {task.language for task in tasks} == {"en", "zh"}
    for task, row in zip(tasks, recorded, strict=True):
        score = task.demand.lengths.score(row["num_words"])
        assert score == pytest.approx(row["longen"], abs=1e-9)
        assert task.demand.middle == row["required"]
        quality = length_quality(task.demand.middle, row["num_words"])
        assert quality == pytest.approx(row["s_l"], abs=1e-9)


def test_no_text_has_no_length_quality():
    assert length_quality(100, 0) == 0


def test_every_form_of_a_suite_is_read(tmp_path):
    rows = [
        {"query": "Write about tea in 1,500 words."},
        {"query": "写茶。", "type": "range", "constraint": "2,000字至3,000字", "language": "zh"},
        {"prompt": "Write an email.", "type": "Functional Writing", "length": 150},
    ]
    own, longen, longbench = load_suite(EvalConfig(suite=str(write_suite(tmp_path, rows)))).tasks
    assert (own.demand.kind, own.demand.low, own.language) == (DemandKind.ABOUT, 1500, "en")
    assert (longen.demand.low, longen.demand.high, longen.language) == (2000, 3000, "zh")
    assert (longbench.demand.low, longbench.kind) == (150, "Functional Writing")


def test_a_part_of_a_suite_is_taken(suite):
    config = EvalConfig(suite=str(suite), min_words=150, max_words=450, num_requests=1)
    (task,) = load_suite(config).tasks
    assert "bees" in task.query
    (task,) = load_suite(EvalConfig(suite=str(suite), language="zh")).tasks
    assert task.query == QUERIES[-1]


def test_the_built_in_suite_asks_for_lengths_of_all_kinds():
    tasks = load_suite(EvalConfig()).tasks
    assert len(tasks) == 64
    assert len({task.query for task in tasks}) == 64
    for task in tasks:
        (found,) = demands_in(task.query)
        assert found.demand == task.demand
        assert 200 <= task.demand.middle <= 8000
        assert task.kind == kind_of(task.query) in WRITTEN_KINDS
    for language in ("en", "zh"):
        own = [task for task in tasks if task.language == language]
        assert len(own) == 32
        assert {task.kind for task in own} == set(WRITTEN_KINDS)
        for kind in DemandKind:
            assert sum(task.demand.kind is kind for task in own) == 8


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"query": "Write a story."}, "suite.jsonl:1: no length demand in the query"),
        ({"query": "100 words, then 300 words."}, "more than one length demand"),
        ({"text": "Write 100 words."}, "no query; write"),
        (
            {"query": "Write.", "type": "exactly", "constraint": "100"},
            "type 'exactly': unknown; use one of about, range, above, below",
        ),
        ({"query": "Write.", "type": "range", "constraint": "100"}, "not the numbers of type"),
        ({"prompt": "Write.", "length": "long"}, "length 'long': not a number of words"),
    ],
)
def test_a_bad_suite_is_one_line(tmp_path, row, message):
    with pytest.raises(ConfigError) as caught:
        load_suite(EvalConfig(suite=str(write_suite(tmp_path, [row]))))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_suite_without_what_is_asked_for_is_refused(suite, tmp_path):
    for changes, key in (({"num_requests": 5}, "num_requests"), ({"min_words": 999}, "suite")):
        with pytest.raises(ConfigError, match=f"eval.{key}: "):
            load_suite(EvalConfig(suite=str(suite), **changes))
    with pytest.raises(ConfigError, match="cannot read"):
        load_suite(EvalConfig(suite=str(tmp_path / "none.jsonl")))


def test_subjects_are_measured_side_by_side(suite, tmp_path):
    adapter = write_adapter(tmp_path / "adapter")
    names = ("base", f"mine={adapter}")
    engine = ScriptedEngine(obedient)
    found = evaluate_on(tmp_path / "eval", settings(suite), engine, names)
    assert found == read_as(Evaluation, tmp_path / "eval" / "eval.json", "")
    base, mine = found.subjects["base"].all, found.subjects["mine"].all
    assert (base.requests, base.answers, base.errors) == (4, 8, 0)
    assert base.num_words.value == 100
    # 100 words where 100, 200 to 300, 400 or more, 500 or fewer are asked for.
    assert base.length_score.value == pytest.approx(100 / 4)
    assert mine.length_score.value == 100
    assert mine.gain.value == pytest.approx(75)
    assert mine.gain.low > 0
    assert base.gain is None
    assert mine.volatility.value == 0
    assert found.subjects["base"].by["demand"]["about"].length_score.value == 100
    assert set(mine_by := found.subjects["mine"].by) == {"demand", "band", "kind", "language"}
    assert mine_by["band"]["0-499"].requests == 3
    assert set(mine_by["language"]) == {"en", "zh"}
    assert (tmp_path / "eval" / "lengths.png").read_bytes().startswith(b"\x89PNG")
    first, groups = evaluation_tables(found)
    assert first.row_count == 2
    assert groups.row_count == sum(map(len, mine_by.values()))


def test_another_subject_may_come_later(suite, tmp_path):
    adapter = write_adapter(tmp_path / "adapter")
    evaluate_on(tmp_path / "eval", settings(suite), ScriptedEngine(obedient))
    engine = ScriptedEngine(obedient)
    names = ("base", f"mine={adapter}")
    result = evaluate_on(tmp_path / "eval", settings(suite), engine, names)
    assert {request.adapter for request in engine.requests} == {"eval-mine"}
    assert list(result.subjects) == ["base", "mine"]
    assert result.subjects["mine"].all.gain.value == pytest.approx(75)


def test_an_evaluation_that_died_goes_on(suite, tmp_path):
    whole = evaluate_on(tmp_path / "whole", settings(suite), ScriptedEngine(obedient))
    dying = ScriptedEngine(obedient, dies_after=5, concurrency=1)
    with pytest.raises(EngineError, match="scripted death"):
        evaluate_on(tmp_path / "eval", settings(suite), dying)
    assert not (tmp_path / "eval" / "answers").exists()
    second = ScriptedEngine(obedient)
    result = evaluate_on(tmp_path / "eval", settings(suite), second)
    assert len(second.requests) == 8 - 5
    assert result == whole
    assert not list((tmp_path / "eval" / "journal").iterdir())


def test_requests_differ_by_copy_and_draw_the_same_for_all(suite, tmp_path):
    adapter = write_adapter(tmp_path / "adapter")
    engine = ScriptedEngine(obedient)
    evaluate_on(tmp_path / "eval", settings(suite), engine, ("base", f"mine={adapter}"))
    seeds = {}
    for request in engine.requests:
        place = request.id.partition("-")[2]
        seeds.setdefault(place, set()).add(request.decoding.seed)
    assert len(seeds) == 8
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set.union(*seeds.values())) == 8


def test_what_failed_has_no_length(suite, tmp_path):
    def failing(request):
        return Answer("", FinishReason.ERROR) if "bees" in request.user else obedient(request)

    found = evaluate_on(tmp_path / "eval", settings(suite), ScriptedEngine(failing))
    base = found.subjects["base"].all
    assert base.errors == 2
    assert base.num_words.value == 100
    assert base.length_score.value == pytest.approx(100 / 4)


def test_answers_of_another_adapter_or_setting_are_refused(suite, tmp_path):
    adapter = write_adapter(tmp_path / "adapter")
    other = write_adapter(tmp_path / "other", rank=16)
    evaluate_on(tmp_path / "eval", settings(suite), ScriptedEngine(obedient), (f"mine={adapter}",))
    with pytest.raises(DirectoryError, match="answers of another adapter; delete it"):
        prepare_eval(settings(suite), (f"mine={other}",), None, ExamDirectory(tmp_path / "eval"))
    with pytest.raises(DirectoryError, match=r"config.eval.answers 2 -> 3"):
        prepare_eval(settings(suite, answers=3), ("base",), None, ExamDirectory(tmp_path / "eval"))


@pytest.mark.parametrize(
    ("names", "has_run", "message"),
    [
        (("best",), True, "--subject best: unknown; use base, iteration-N"),
        (("final",), False, "--subject final: whose? Give the loop's directory with --run"),
        (("iteration-3",), True, "--subject iteration-3: no adapter in"),
        (("final",), True, "--subject final: no adapter in"),
        (("base", "base"), True, "--subject base: given twice"),
        (("mine=nowhere",), True, "--subject mine: no adapter in nowhere"),
        (("base=nowhere",), True, "--subject base=nowhere: base has a meaning already"),
        (("iteration-2=x",), True, "--subject iteration-2=x: iteration-2 has a meaning already"),
    ],
)
def test_a_bad_subject_is_one_line(suite, tmp_path, names, has_run, message):
    run = RunDirectory(tmp_path / "run") if has_run else None
    with pytest.raises(UsageError) as caught:
        prepare_eval(settings(suite), names, run, ExamDirectory(tmp_path / "eval"))
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "eval").exists()


def test_the_command_refuses_before_it_starts_anything(tmp_path):
    suite = write_suite(tmp_path, [{"query": "Write a story."}])
    code, _, errors = synth(
        *("eval", "--config", ROOT / "configs" / "cpu.yaml", "--out", tmp_path / "eval"),
        *("-o", f"eval.suite={suite}"),
    )
    assert code == 2
    assert errors.count("\n") == 1
    assert "no length demand in the query" in errors
    assert not (tmp_path / "eval").exists()


def test_a_bootstrap_interval_holds_the_mean_about_as_often_as_it_says():
    rng, inside = random.Random(1), 0
    for _ in range(200):
        found = bootstrap_mean([rng.gauss(50, 10) for _ in range(40)])
        assert found.low <= found.value <= found.high
        inside += found.low <= 50 <= found.high
    assert 0.88 <= inside / 200 <= 0.99
    assert bootstrap_mean([3.0]) == bootstrap_mean([3.0, 3.0])
    with pytest.raises(ValueError, match="a ratio to nothing"):
        bootstrap_mean([])
