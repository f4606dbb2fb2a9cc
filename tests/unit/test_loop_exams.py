"""`synth loop` with `loop.eval` and `loop.guard`: who sits which exam, and what follows."""

import json

import pytest

from loops import ONE, prepared, run_loop, steps, write_script
from scripted_child import calls, option
from synth.loop.steps import StepError

EXAMS = {"eval": True, "guard": "warn"}


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path)


def test_every_generator_and_the_final_model_sit_the_exams(folder):
    assert run_loop(folder, 2, is_final=True, loop=EXAMS)[0] == 0
    assert [step for step in steps(folder) if step.split()[0] in EXAMS] == [
        *("eval iteration-1", "guard iteration-1", "eval iteration-2", "guard iteration-2"),
        *("eval final", "guard final"),
    ]
    found = [arguments for step, arguments in calls(folder) if step == "eval iteration-2"]
    (arguments,) = found
    assert option(arguments, "--out") == str(folder / "out" / "eval")
    assert option(arguments, "--run") == str(folder / "out")
    assert arguments.count("--subject") == 2
    before = steps(folder)
    run_loop(folder, 2, is_final=True, loop=EXAMS)
    assert steps(folder) == before


def test_without_them_nobody_does(folder):
    run_loop(folder, 1, is_final=True)
    assert not [step for step in steps(folder) if step.split()[0] in EXAMS]


def test_the_table_shows_them_against_the_base(folder):
    _, printed = run_loop(folder, 1, loop=EXAMS)
    (row,) = json.loads((folder / "out" / "loop.json").read_bytes())
    assert row["exams"]["length_score"]["base"]["value"] == 30
    assert row["exams"]["length_score"]["after"]["value"] == 60
    assert row["exams"]["kl"] == {"base": None, "after": {"value": 1.5, "low": 0.5, "high": 2.5}}
    against = printed.split("against the base")[-1]
    assert "30.0 -> 60.0 ↑" in against
    assert "1.500" in against


def test_a_loop_stops_at_a_model_beyond_the_limits_and_goes_on_when_it_is_let(folder):
    write_script(folder, **{"guard_iteration-1": 5})
    stop = {**EXAMS, "guard": "stop"}
    for _ in range(2):
        with pytest.raises(StepError, match=r"iteration-1: divergence .*; loop.guard: stop"):
            run_loop(folder, 2, loop=stop)
    assert steps(folder).count("guard iteration-1") == 1
    assert "run 2" not in steps(folder)
    assert run_loop(folder, 2, loop=EXAMS)[0] == 0
    assert steps(folder)[: len(ONE)] == ONE
