"""kill -9 of whole runs at random points: nothing is lost, nothing is there twice."""

import random

import pytest

from run_process import run_until
from scripted_runs import data_files, metrics_of, run_scripted, working_ahead
from synth.method.stages import Stage

pytestmark = pytest.mark.faults

NUM_KILLS, NUM_KILLS_SAMPLED = 50, 3


def test_killed_runs_end_in_the_same_files(tmp_path, all_faults):
    whole, _ = run_scripted(tmp_path / "whole")
    num_answers = sum(row["requests"] for row in metrics_of(whole)["ledger"])
    rng = random.Random(0)
    num_kills = NUM_KILLS if all_faults else NUM_KILLS_SAMPLED
    hit = []
    while len(hit) < num_kills:
        folder = tmp_path / f"killed-{len(hit)}"
        while stage := run_until(folder, rng.randrange(num_answers // 4), rng):
            hit.append(stage)
        compare(whole, folder)
    print(f"{len(hit)} kills, by stage of the last answer: {sorted(hit)}")  # noqa: T201
    if all_faults:
        assert {Stage.EXPAND, Stage.GENERATE, Stage.EXTEND_HEAD, Stage.EXTEND_TAIL} <= set(hit)


def compare(whole, folder):
    resumed, code = run_scripted(folder, working_ahead())
    assert code == 0
    assert data_files(resumed) == data_files(whole)
    metrics, expected = metrics_of(resumed), metrics_of(whole)
    assert metrics["samples"] == expected["samples"]
    assert metrics["tokens"]["generated"] == sum(row["generated"] for row in metrics["ledger"])
    assert metrics["tokens"]["kept"] == expected["tokens"]["kept"]
    assert not list((resumed.folder / "journal").glob("*.jsonl"))
    leftovers = [path for path in resumed.folder.rglob("*") if ".unfinished" in path.name]
    assert not leftovers
