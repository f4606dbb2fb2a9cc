"""All of metrics.json, pinned for one scripted run; and the figures that depend on time."""

import asyncio
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from scripted_engine import Answer, ScriptedEngine
from scripted_runs import metrics_of, run_scripted, small_config
from synth.engine.admission.meter import RoomTimes
from synth.engine.base import EngineLoad, FinishReason, Loss
from synth.method.books.verdicts import Verdicts
from synth.method.stages import Stage
from synth.run.directory import RunDirectory
from synth.run.diversity import DiversityCount
from synth.run.metrics import Pace, summarize
from synth.run.prepare import prepare
from synth.run.reporter import Reporter
from synth.run.tally import Progress, RecordWords, Tally, Totals
from writer import write

PINNED = Path(__file__).parents[1] / "golden" / "metrics.json"
# Near-duplicates are ended wherever they are, so their tokens depend on timing.
CONFIG = small_config(
    num_instructions=24,
    cohort_instructions=8,
    expand={"max_similarity": None, "attempts": 3},
    generate={"responses": 2, "attempts": 2, "max_completion_tokens": 512},
)
OF_TIME = ("seconds", "seconds_left", "tokens_per_s", "tokens_per_s_now", "schedule")


def answer(request):
    """Write as always, with every outcome: loops, cuts, errors, refusals of the judge."""
    if request.kind is Stage.HELD_OUT:
        ends = (FinishReason.STOP, FinishReason.LENGTH, FinishReason.ERROR, FinishReason.STOP)
        return Answer("One two three four.", ends[request.affinity])
    if request.kind is Stage.GENERATE and request.affinity % 7 == 3:
        return Answer("over and over again " * 40)
    if request.kind is Stage.GENERATE and request.affinity % 7 == 5 and request.id.endswith("-0"):
        return Answer("A text that the limit cuts", FinishReason.LENGTH)
    if request.kind is Stage.EXTEND_TAIL and request.affinity % 5 == 1:
        return Answer("", FinishReason.ERROR)
    return write(request)


def without_times(metrics):
    rest = {key: value for key, value in metrics.items() if key not in OF_TIME}
    rest["engine"] = {k: v for k, v in rest["engine"].items() if k != "mean_running"}
    rest["goodput"] = dict(rest["goodput"], accepted_words_per_engine_hour=None)
    return rest


def test_all_figures_of_one_run_are_as_they_were(tmp_path):
    files, _ = run_scripted(tmp_path, CONFIG, ScriptedEngine(answer))
    found = without_times(metrics_of(files))
    assert found == json.loads(PINNED.read_bytes())
    assert {row["outcome"].partition(":")[0] for row in found["ledger"]} == {
        *("kept", "rejected", "aborted", "truncated", "length_sampled", "error", "measured")
    }


@pytest.fixture
def recipe(tmp_path):
    return prepare(CONFIG, 1, RunDirectory(tmp_path)).recipe


def progress_of(**changes):
    progress = Progress(
        load=EngineLoad(mean_running=8.0, num_generated_tokens=3000),
        open=Totals(),
        num_open=0,
        num_replayed=0,
        times=RoomTimes(seconds=20.0, bubble_seconds=5.0),
        verdicts=Verdicts(),
    )
    return replace(progress, **changes)


PACE = Pace(state="running", seconds=7200.0, tokens_per_s=3.0, tokens_per_s_now=4.0)


def test_words_are_counted_by_the_hour(recipe):
    words = RecordWords()
    words.add(initial=100, response=300)
    words.add(initial=100, response=700)
    metrics = summarize(recipe, Tally(record_words=words), progress_of(), PACE)
    assert metrics.goodput.accepted_words == 1000
    assert metrics.goodput.accepted_words_per_engine_hour == 500
    assert metrics.num_words["growth"].p100 == 7.0


def test_occupancy_is_a_share_of_all_engines_sequences(recipe):
    assert summarize(recipe, Tally(), progress_of(), PACE).schedule.occupancy == 0.5
    two = progress_of(load=EngineLoad(mean_running=8.0, num_engines=2))
    assert summarize(recipe, Tally(), two, PACE).schedule.occupancy == 0.25
    assert summarize(recipe, Tally(), two, PACE).schedule.bubble_seconds == 5.0


def test_what_dead_engines_did_is_booked_as_retried(recipe):
    losses = (Loss("generate", 2, 10, 4, 30), Loss("extend_tail", 1, 5, 1, 7))
    load = EngineLoad(num_deaths=1, losses=losses)
    metrics = summarize(recipe, Tally(), progress_of(load=load), PACE)
    assert metrics.tokens.retried == metrics.tokens.generated == 37
    assert (metrics.tokens.prompt, metrics.tokens.cached) == (15, 5)
    assert [row.outcome for row in metrics.ledger] == ["retried", "retried"]
    assert metrics.engine.losses[0].stage == "generate"


@pytest.mark.parametrize(
    ("counts", "seconds_left"),
    [
        ({}, None),
        # All slots expanded, nothing else: a tenth of the work.
        ({"slots_expanded": 24, "instructions": 24}, 7200 * 9),
        # Half of the initial responses: 0.1 + 0.5 * 0.25.
        ({"slots_expanded": 24, "instructions": 24, "initial": 24}, round(7200 * 0.775 / 0.225, 1)),
        (
            {
                "slots_expanded": 24,
                "instructions": 24,
                "initial": 48,
                "initial_kept": 20,
                "extended": 40,
            },
            0.0,
        ),
    ],
)
def test_the_time_left_follows_from_the_work_that_is_done(recipe, counts, seconds_left):
    totals = Totals()
    totals.counts.update(counts)
    metrics = summarize(recipe, Tally(), progress_of(open=totals), PACE)
    assert metrics.seconds_left == seconds_left


def test_aborts_save_what_the_others_needed_more(tmp_path):
    def answer(request):
        is_lost = request.kind is Stage.GENERATE and request.affinity % 4 == 0
        return Answer("over and over again " * 400) if is_lost else write(request)

    files, _ = run_scripted(tmp_path, CONFIG, ScriptedEngine(answer))
    metrics = metrics_of(files)
    rows = [row for row in metrics["ledger"] if row["stage"] == "generate"]
    aborted = [row for row in rows if row["outcome"].startswith("aborted")]
    others = [row for row in rows if not row["outcome"].startswith("aborted")]
    mean = sum(row["generated"] for row in others) / sum(row["requests"] for row in others)
    number = sum(row["requests"] for row in aborted)
    saved = mean * number - sum(row["generated"] for row in aborted)
    assert saved > 0
    assert metrics["tokens"]["saved"] >= round(saved) > 0


def test_what_grew_too_little_is_not_kept(tmp_path):
    config = small_config(
        num_instructions=24, extend=CONFIG.extend.model_dump() | {"min_growth": 2.6}
    )
    files, _ = run_scripted(tmp_path, config)
    metrics = metrics_of(files)
    outcomes = {row["outcome"] for row in metrics["ledger"] if row["stage"] == "extend_tail"}
    assert "rejected:too_little_growth" in outcomes


def test_a_run_that_goes_on_remembers_its_seconds(tmp_path):
    class Run:
        recipe = prepare(CONFIG, 1, RunDirectory(tmp_path)).recipe
        files = RunDirectory(tmp_path).iteration(1)
        tally = Tally()

        def progress(self):
            return progress_of()

    clock = iter([100.0, *[110.0] * 9])
    reporter = Reporter(
        Run(), Console(file=io.StringIO()), seconds_before=50.0, clock=lambda: next(clock)
    )
    metrics = reporter.metrics("running")
    assert (metrics.seconds, metrics.tokens_per_s) == (60.0, 300.0)


def test_a_snapshot_is_there_while_the_run_goes_on(tmp_path):
    seen = []

    class Looking(ScriptedEngine):
        async def generate(self, request, new_watch=None):
            await asyncio.sleep(0.02)
            path = tmp_path / "iteration-1" / "metrics.json"
            if path.exists():
                seen.append(json.loads(path.read_bytes())["state"])
            return await super().generate(request, new_watch)

    run_scripted(tmp_path, CONFIG, Looking(answer))
    assert set(seen) == {"running"}


def test_seconds_of_an_interrupted_run_count(tmp_path):
    files, _ = run_scripted(tmp_path / "whole", CONFIG)
    earlier = metrics_of(files) | {"seconds": 1000.0, "state": "interrupted"}
    (tmp_path / "again" / "iteration-1").mkdir(parents=True)
    (tmp_path / "again" / "iteration-1" / "metrics.json").write_text(json.dumps(earlier))
    files, _ = run_scripted(tmp_path / "again", CONFIG)
    assert metrics_of(files)["seconds"] >= 1000.0


def test_instructions_are_as_different_as_their_openings_and_word_groups():
    count = DiversityCount()
    assert count.summary() is None
    for place in ("a mill", "a mill", "a bridge", "an old ferry"):
        count.add(f"Write a story about {place} and those who own it.")
    count.add("Draft a speech.")
    found = count.summary()
    assert found.kinds == {"speech": 1, "story": 4}
    assert found.openings == 0.4
    assert found.distinct_4 == pytest.approx(18 / 33, abs=1e-4)
