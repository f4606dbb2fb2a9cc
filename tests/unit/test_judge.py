"""`synth judge`: ratings, comparisons and what they come to."""

import json
import random

import pytest

from judged_answers import (
    EVEN,
    QUERIES,
    READABLE,
    ChoosingEngine,
    answer_of,
    judge_on,
    judged_rows,
    prefer,
    rating_all,
    scores,
    settings,
    texts_shown,
    write_answers,
)
from scripted_engine import Answer, ScriptedEngine
from selflengthen.contract.judged.comparison import Comparison
from selflengthen.contract.judged.rating import Rating
from selflengthen.contract.judged.report import JudgeReport
from selflengthen.files.atomic_file import write_json_lines
from selflengthen.files.json_file import read_as
from synth.display.judged import judged_tables
from synth.engine.base import FinishReason
from synth.eval.directory import ExamDirectory
from synth.judging.length_control import length_controlled_rate
from synth.judging.prepare import prepare_judging
from synth.judging.rating import DIMENSIONS, parse_scores


@pytest.mark.parametrize(
    "text",
    [
        READABLE,
        f"```json\n{READABLE}\n```",
        f"The text is fine {{mostly}}.\n{READABLE}\nThat is all.",
        READABLE.replace("3", "3.0"),
        scores(5, 5, 5, 5, 5, 5) + "\nNo, I take that back: " + READABLE,
        json.dumps({"reason": "so so", **EVEN}),
        json.dumps({name.replace("_", " ").title(): 3 for name in DIMENSIONS}, indent=2),
    ],
)
def test_scores_are_read_whatever_stands_around_them(text):
    found = parse_scores(text)
    assert found is not None
    assert found.model_dump() == EVEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Four of five.",
        READABLE[:-1],
        json.dumps([3] * 6),
        json.dumps(dict.fromkeys(DIMENSIONS[1:], 3)),
        scores(3, 3, 3, 3, 3, 6),
        scores(0, 3, 3, 3, 3, 3),
        scores(3, 3, "3", 3, 3, 3),
        scores(3, 3, True, 3, 3, 3),
        scores(3, 3, None, 3, 3, 3),
        READABLE.replace("3", "NaN"),
        READABLE + scores(9, 9, 9, 9, 9, 9),
        '{"a":' * 3_000,
    ],
)
def test_what_is_no_six_scores_is_not_read(text):
    assert parse_scores(text) is None


def test_quality_is_the_mean_score_from_0_to_100(tmp_path):
    write_answers(tmp_path, "base", ["poor {copy}", "fair"])
    said = {
        "poor 0": scores(1, 1, 1, 1, 1, 1),
        "poor 1": scores(4, 4, 4, 4, 3, 5),
        "fair": scores(5, 4, 3, 3, 4, 5.0),
    }

    def text(request):
        return next(found for key, found in said.items() if f"<text>\n{key}" in request.user)

    report = judge_on(tmp_path, ScriptedEngine(rating_all(text)))
    assert report == read_as(JudgeReport, tmp_path / "judged" / "test-judge-8b" / "judge.json", "")
    base = report.subjects["base"]
    assert report.judge == "test/judge-8b"
    assert (base.rated, base.unrated, base.reasons) == (4, 0, {})
    # By request: the mean of 1 and 4, and 4.
    assert base.quality.value == pytest.approx(((1 + 4) / 2 - 1 + 4 - 1) / 2 * 25)
    # Drawn again over the two requests, not over their answers.
    assert (base.quality.low, base.quality.high) == ((2.5 - 1) * 25, (4 - 1) * 25)
    assert base.dimensions["relevance"].value == pytest.approx((2.5 - 1 + 5 - 1) / 2 * 25)
    assert base.dimensions["reading_experience"].value == pytest.approx((3 - 1 + 5 - 1) / 2 * 25)
    assert set(base.dimensions) == set(DIMENSIONS)
    assert base.against_base is None


def test_the_judge_sees_request_and_answer_as_they_are(tmp_path):
    write_answers(tmp_path, "base", ["one", "二", "{{{{ query }}}}"], copies=1)
    engine = ScriptedEngine(rating_all(READABLE))
    judge_on(tmp_path, engine, settings(max_completion_tokens=77))
    by_number = {request.affinity: request for request in engine.requests}
    assert len(by_number) == 3
    for number, text in enumerate(("one", "二", "{{ query }}")):
        assert f"<request>\n{QUERIES[number]}\n</request>" in by_number[number].user
        assert f"<text>\n{text}\n</text>" in by_number[number].user
        assert all(f'"{name}"' in by_number[number].user for name in DIMENSIONS)
        assert by_number[number].decoding.max_completion_tokens == 77
        assert by_number[number].adapter is None


def test_another_attempt_draws_from_another_seed_and_what_stays_unreadable_is_counted(tmp_path):
    write_answers(tmp_path, "base", ["late", "never", "at once"], copies=1)

    def text(request):
        is_readable = "at once" in request.user or (
            "late" in request.user and request.id.endswith("a2")
        )
        return READABLE if is_readable else "  I like it.\nIt is nice."

    engine = ScriptedEngine(rating_all(text))
    base = judge_on(tmp_path, engine).subjects["base"]
    assert (base.rated, base.unrated, base.reasons) == (2, 1, {"unreadable": 1})
    assert base.quality.value == 50
    rows = judged_rows(tmp_path, Rating, "ratings-base")
    assert [row.attempts for row in rows] == [3, 3, 1]
    assert [row.scores is None for row in rows] == [False, True, False]
    assert (rows[1].reason, rows[1].said) == ("unreadable", "I like it.\nIt is nice.")
    assert (rows[0].reason, rows[0].said) == (None, None)
    assert len({request.decoding.seed for request in engine.requests}) == 7 == len(engine.requests)


def test_the_number_of_attempts_is_the_configured_one(tmp_path):
    write_answers(tmp_path, "base", ["never", "at once"], copies=1)
    engine = ScriptedEngine(
        rating_all(lambda request: READABLE if "at once" in request.user else "?")
    )
    judge_on(tmp_path, engine, settings(attempts=5))
    assert len(engine.requests) == 5 + 1


def test_what_failed_is_not_rated_and_not_asked_again(tmp_path):
    write_answers(tmp_path, "base", ["fine", "failed", "too long"], copies=1, failed=[1])

    def judge(request):
        if "too long" in request.user:
            return Answer("", FinishReason.ERROR)
        return Answer(READABLE)

    engine = ScriptedEngine(judge)
    base = judge_on(tmp_path, engine).subjects["base"]
    assert (base.rated, base.unrated) == (1, 2)
    assert base.reasons == {"no_answer": 1, "engine_error": 1}
    assert len(engine.requests) == 2
    rows = judged_rows(tmp_path, Rating, "ratings-base")
    assert [row.attempts for row in rows] == [1, 0, 1]
    assert rows[2].said == "engine_error: scripted"


def test_a_subject_wins_only_if_it_is_chosen_in_both_orders(tmp_path):
    write_answers(tmp_path, "base", ["plain", "good text", "plain"])
    write_answers(tmp_path, "mine", ["good words here", "plain", "plain"])
    engine = ChoosingEngine(rating_all(READABLE, prefer("good")))
    report = judge_on(tmp_path, engine)
    assert report.subjects["base"].against_base is None
    found = report.subjects["mine"].against_base
    # Of the third request both texts are alike: the one shown first is chosen.
    assert (found.pairs, found.wins, found.losses, found.ties, found.unjudged) == (6, 2, 2, 2, 0)
    assert found.win_rate.value == 0.5
    assert found.agreement == pytest.approx(4 / 6, abs=1e-4)
    assert found.longer == pytest.approx(2 / 6, abs=1e-4)
    rows = judged_rows(tmp_path, Comparison, "comparisons-mine")
    assert [row.outcome for row in rows] == ["win"] * 2 + ["loss"] * 2 + ["tie"] * 2
    assert [row.word_difference for row in rows] == [2, 2, -1, -1, 0, 0]
    assert (rows[1].id, rows[1].base_id) == ("mine-00000-r1", "base-00000-r1")
    assert [row.subject_first.chosen for row in rows[::2]] == ["subject", "base", "subject"]
    assert [row.base_first.chosen for row in rows[::2]] == ["subject", "base", "base"]
    assert {row.base_first.probability for row in rows} == {0.75}
    asked = [request for request in engine.requests if request.choices]
    assert len(asked) == 12
    assert {request.choices for request in asked} == {("A", "B")}
    assert sum(texts_shown(request)[0] == "good words here" for request in asked) == 2
    assert prepare_judging(settings(), ExamDirectory(tmp_path)).judge.spec().choices == ("A", "B")


def test_answers_are_paired_by_request_and_copy(tmp_path):
    write_answers(tmp_path, "base", ["base 0{copy}", "base 1{copy}"])
    write_answers(tmp_path, "mine", ["mine 0{copy}", "mine 1{copy}"])
    engine = ScriptedEngine(rating_all(READABLE))
    judge_on(tmp_path, engine)
    shown = [texts_shown(request) for request in engine.requests if request.choices]
    assert len(shown) == 8
    assert all(first.split()[1] == second.split()[1] for first, second in shown)
    assert all(first.split()[0] != second.split()[0] for first, second in shown)


@pytest.mark.parametrize("letter", ["A", "B"])
def test_a_judge_that_goes_by_the_place_gives_only_ties(tmp_path, letter):
    write_answers(tmp_path, "base", ["plain", "plain"])
    write_answers(tmp_path, "mine", ["good", "good words"])
    engine = ScriptedEngine(rating_all(READABLE, lambda *_: letter))
    found = judge_on(tmp_path, engine).subjects["mine"].against_base
    assert (found.wins, found.losses, found.ties) == (0, 0, 4)
    assert found.agreement == 0
    assert (found.win_rate.value, found.win_rate.low, found.win_rate.high) == (0.5, 0.5, 0.5)
    assert found.length_controlled.value == pytest.approx(0.5, abs=1e-3)


def test_a_pair_with_a_failed_request_is_in_no_figure(tmp_path):
    write_answers(tmp_path, "base", ["plain", "plain", "plain"], copies=1, failed=[1])
    write_answers(tmp_path, "mine", ["good text", "good", "huge good"], copies=1)

    def judge(request):
        if request.choices and texts_shown(request) == ("plain", "huge good"):
            return Answer("", FinishReason.ERROR)
        return rating_all(READABLE, prefer("good"))(request)

    engine = ScriptedEngine(judge)
    found = judge_on(tmp_path, engine).subjects["mine"].against_base
    assert (found.pairs, found.wins, found.unjudged) == (3, 1, 2)
    assert (found.win_rate.value, found.agreement) == (1, 1)
    rows = judged_rows(tmp_path, Comparison, "comparisons-mine")
    assert [row.outcome for row in rows] == ["win", None, None]
    assert rows[1].subject_first is None
    assert rows[2].base_first.reason == "engine_error"
    assert rows[2].subject_first.chosen == "subject"
    assert sum(bool(request.choices) for request in engine.requests) == 4


def test_a_command_whose_judge_goes_by_length_has_both_rates(tmp_path):
    """The same of whole answers: the longer one is chosen, whoever wrote it."""
    rng = random.Random(3)
    for subject, middle in (("base", 60), ("mine", 70)):
        rows = [
            answer_of(subject, 0, 0, "word " * max(1, round(rng.gauss(middle, 12))))
            for _ in range(60)
        ]
        rows = [
            row.model_copy(update={"id": f"{subject}-{place // 3:05d}-r{place % 3}"})
            for place, row in enumerate(rows)
        ]
        write_json_lines(ExamDirectory(tmp_path).answers(subject), rows)
    by_length = rating_all(READABLE, lambda first, second: "AB"[len(second) > len(first)])
    found = judge_on(tmp_path, ScriptedEngine(by_length)).subjects["mine"].against_base
    assert found.win_rate.low > 0.55
    assert found.length_controlled.low < 0.5 < found.length_controlled.high
    assert found.longer == pytest.approx(found.wins / found.pairs, abs=0.05)
    rows = judged_rows(tmp_path, Comparison, "comparisons-mine")
    by_hand = length_controlled_rate(
        [{"win": 1.0, "tie": 0.5, "loss": 0.0}[row.outcome] for row in rows],
        [row.word_difference for row in rows],
        [row.id[5:10] for row in rows],
    )
    assert found.length_controlled.low == pytest.approx(by_hand.low, abs=1e-4)
    assert found.length_controlled.high == pytest.approx(by_hand.high, abs=1e-4)


def test_the_tables_have_every_subject(tmp_path):
    write_answers(tmp_path, "base", ["plain", "failed"], failed=[1])
    write_answers(tmp_path, "mine", ["good", "good"])
    report = judge_on(tmp_path, ScriptedEngine(rating_all(READABLE, prefer("good"))))
    ratings, comparisons = judged_tables(report)
    assert (ratings.row_count, comparisons.row_count) == (2, 1)
    assert list(ratings.columns[1].cells) == ["2\n2 unrated", "4"]
    assert next(iter(ratings.columns[2].cells)) == "50.0\n50 to 50"
    assert [next(iter(column.cells)) for column in comparisons.columns][:4] == [
        "mine",
        "4\n2 not judged",
        "2, 0, 0",
        "100%\n100 to 100%",
    ]
