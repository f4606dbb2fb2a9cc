"""Faults and diversity over a loop; a planted collapse is told in its iteration."""

import io

import pytest
from rich.console import Console

from filters.measures import (
    compression_ratio,
    distinct_ngrams,
    mean,
    share,
    shared_ngrams,
    volatility,
)
from prose_texts import BODIES
from scripted_runs import small_config
from selflengthen.command import ConfigSource
from selflengthen.contract.base import TokenCounts
from selflengthen.contract.held_out import HeldOutAnswer
from selflengthen.files.atomic_file import write_json_lines
from structure_texts import DEFECTS
from synth.loop.plan import LoopPlan
from synth.loop.quality import collapse
from synth.loop.rows import loop_row
from synth.loop.steps import StepError, _check_collapse
from synth.loop.trainer_check import RECORD
from synth.run.directory import RunDirectory

GOOD = ["\n\n".join(BODIES[start : start + 3]) for start in range(4)]


@pytest.mark.parametrize(
    ("number", "total", "low", "high"),
    [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (9, 9, 0.701, 1)],
)
def test_a_share_has_wilson_s_interval(number, total, low, high):
    found = share(number, total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.001)
    assert found.value == number / total


def test_a_share_of_nothing_is_none():
    with pytest.raises(ValueError, match="nothing"):
        share(0, 0)


def test_a_mean_has_an_interval_that_shrinks_with_the_number():
    few, many = mean([1.0, 2.0, 3.0]), mean([1.0, 2.0, 3.0] * 30)
    assert few.value == many.value == 2.0
    assert few.low < many.low < 2.0 < many.high < few.high
    assert mean([7.0]).low == 7.0


def test_diversity_falls_where_a_text_repeats_itself():
    assert distinct_ngrams(GOOD[0]) > 0.99
    assert distinct_ngrams(DEFECTS["loop"][0]) < 0.7
    assert distinct_ngrams("short") == 1.0
    assert compression_ratio([GOOD[0]] * 5) > 2 * compression_ratio([GOOD[0]])


def test_texts_that_say_the_same_share_their_word_groups():
    assert shared_ngrams([GOOD[0], GOOD[0], "another text of its own words"]) == [1.0, 1.0, 0.0]
    assert shared_ngrams([f"{GOOD[0]} {GOOD[0]}"]) == [0.0]
    assert shared_ngrams([]) == []


def test_volatility_is_the_spread_of_lengths_over_their_mean():
    assert volatility([100, 100, 100]) == 0.0
    assert volatility([50, 150]) == pytest.approx(0.7071, abs=1e-4)


def answers(texts, number=16):
    return [
        HeldOutAnswer(
            id=f"{place}",
            instruction="Write about a mill.",
            response=texts[place % len(texts)],
            num_words=100,
            finish_reason="stop",
            reason=None,
            tokens=TokenCounts(prompt=1, cached=0, generated=1),
            generator="base",
        )
        for place in range(number)
    ]


def rows_after(tmp_path, *answers_of_iterations):
    """Return the rows of a loop with one record each, and these held-out answers."""
    directory = RunDirectory(tmp_path / "out")
    for number, texts in enumerate(answers_of_iterations, start=1):
        files = directory.iteration(number)
        files.folder.mkdir(parents=True)
        write_json_lines(files.held_out, answers(texts))
        write_json_lines(_made(files.records(0)), [RECORD])
    return [loop_row(directory, number) for number in range(1, len(answers_of_iterations))]


def _made(path):
    path.parent.mkdir(parents=True)
    return path


def reaction_to(rows, collapse, tmp_path):
    config = small_config(loop={"collapse": collapse})
    plan = LoopPlan(ConfigSource(tmp_path / "x"), config, RunDirectory(tmp_path / "out"), 2)
    out = io.StringIO()
    _check_collapse(rows, plan, Console(file=out, width=300))
    return out.getvalue()


BAD = [text for reason in ("loop", "frame_loop", "poor_stretch") for text in DEFECTS[reason]]


def test_a_planted_collapse_is_told_in_its_iteration(tmp_path):
    rows = rows_after(tmp_path, GOOD, GOOD[::-1], BAD)
    assert [row.quality["after"].structural.value for row in rows] == [0.0, 1.0]
    assert rows[0].quality["kept"].num_texts == 1
    assert rows[0].quality["kept"].volatility is None
    after = rows[1].quality["after"]
    assert sum(found.value for found in after.faults.values()) == pytest.approx(1.0, abs=1e-3)
    assert set(after.faults) >= {"loop", "frame_loop"}
    assert after.self_similarity.value > 0.8
    assert after.volatility.value > 0.1
    assert reaction_to(rows[:1], "warn", tmp_path) == ""
    warning = reaction_to(rows, "warn", tmp_path)
    assert warning.startswith("warning: iteration 2: held-out answers, structural faults: 0% (0%")
    assert warning.count("\n") == 1
    assert reaction_to(rows, "ignore", tmp_path) == ""
    with pytest.raises(StepError, match=r"iteration 2: .*; loop.collapse: stop"):
        reaction_to(rows, "stop", tmp_path)


def test_less_diverse_answers_are_a_collapse_too(tmp_path):
    rows = rows_after(tmp_path, GOOD, [f"{text}\n\n{text}" for text in GOOD])
    faultless = (
        rows[0]
        .quality["after"]
        .model_copy(update={"structural": rows[0].quality["before"].structural})
    )
    row = rows[0].model_copy(update={"quality": rows[0].quality | {"after": faultless}})
    assert "different word groups" in collapse([row])


def test_few_answers_are_no_evidence(tmp_path):
    rows = rows_after(tmp_path, GOOD, BAD)
    small = rows[0].quality["after"].structural.model_copy(update={"low": 0.1})
    after = (
        rows[0]
        .quality["after"]
        .model_copy(
            update={"structural": small, "distinct_4": rows[0].quality["before"].distinct_4}
        )
    )
    row = rows[0].model_copy(update={"quality": rows[0].quality | {"after": after}})
    assert collapse([row]) is None


def test_without_answers_nothing_is_told(tmp_path):
    directory = RunDirectory(tmp_path / "out")
    row = loop_row(directory, 1)
    assert row.quality == {"kept": None, "before": None, "after": None}
    assert collapse([row]) is None
