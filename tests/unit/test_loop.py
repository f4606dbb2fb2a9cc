"""`synth loop`: order of steps, their arguments, and what is left to do after each way to end."""

import io
import json
from itertools import pairwise

import pytest
from rich.console import Console

from loops import ONE, TWO, loop_config, plan_of, prepared, run_loop, steps, write_script
from scripted_child import calls, option
from selflengthen.command import ConfigSource
from selflengthen.errors import ConfigError, DirectoryError
from synth.loop.plan import LoopPlan
from synth.loop.steps import StepError, run_loop_with
from synth.run.directory import RunDirectory


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path)


def test_data_then_both_trainings_then_the_measure(folder):
    code, _ = run_loop(folder, 2)
    assert code == 0
    assert steps(folder) == [*ONE, *TWO, "measure 3"]


def test_every_step_gets_the_configuration_and_the_overrides(folder):
    run_loop(folder, 1, ("seed=3", "num_instructions=4"))
    run, _, _, measure = (arguments for _, arguments in calls(folder))
    for arguments in (run, measure):
        assert option(arguments, "--config") == str(folder / "run.yaml")
        assert arguments[-4:] == ["-o", "seed=3", "-o", "num_instructions=4"]


def test_a_training_gets_its_rows_and_the_base_model_of_the_run(folder):
    model = {"name": "some/base", "revision": "0123"}
    run_loop(folder, 1, model=model)
    iteration = folder / "out" / "iteration-1"
    for role, arguments in calls(folder)[1:3]:
        role = role.split()[0]
        assert arguments[:2] == ["train", "sft"]
        assert option(arguments, "--config") == str(folder / "train.yaml")
        assert option(arguments, "--data") == str(iteration / "shards" / f"{role}-*.jsonl")
        assert option(arguments, "--out") == str(iteration / "adapters" / role)
        assert "--adapter" not in arguments
        assert {'model.name="some/base"', 'model.revision="0123"'} < set(arguments)


def test_the_trainer_reads_the_base_model_as_it_was_given(folder):
    from selflengthen.config_file import load_config
    from train.config import TrainConfig

    given = {
        "name": "some/base",
        "revision": "0123",
        "trust_remote_code": True,
        "chat_template_kwargs": {"enable_thinking": False, "date_string": '1 Jan: a "day"'},
    }
    run_loop(folder, 1, model=given)
    arguments = calls(folder)[1][1]
    overrides = [value for key, value in pairwise(arguments) if key == "-o"]
    model = load_config(TrainConfig, folder / "train.yaml", overrides).model
    assert model.model_dump(include=set(given)) == given


def test_the_final_data_and_model_follow_the_last_iteration(folder):
    assert run_loop(folder, 1, is_final=True)[0] == 0
    assert steps(folder) == [*ONE, "measure 2", "collect 1", "final 1"]
    (_, collecting), (_, training) = calls(folder)[-2:]
    assert option(collecting, "--iterations") == "1"
    assert option(training, "--data").endswith("/out/final/shards/final-*.jsonl")
    assert option(training, "--config") == str(folder / "train.yaml")
    assert "--adapter" not in training
    run_loop(folder, 1, is_final=True)
    assert len(steps(folder)) == 6


def test_final_data_of_fewer_iterations_is_not_taken_for_that_of_more(folder):
    run_loop(folder, 1, is_final=True)
    made_of = {"iterations": [1], "settings": {}, "pairs": 1, "left_out": {}, "rows": 1}
    rest = {"demands": {}, "written_by": {}, "rejected": {}, "num_words": {}}
    collected = made_of | rest | {"generated_tokens": 0}
    (folder / "out" / "final" / "collect.json").write_text(json.dumps(collected))
    with pytest.raises(ConfigError, match="was made of 1; delete it, then it is made anew"):
        run_loop(folder, 2, is_final=True)


def test_the_final_model_s_training_is_looked_for_before_anything_starts(folder):
    with pytest.raises(ConfigError, match=r"loop\.final: no file 'nowhere.yaml'"):
        run_loop(folder, 1, is_final=True, loop={"final": "nowhere.yaml"})
    assert steps(folder) == []


def test_rows_of_all_iterations_and_further_ones_can_be_trained_on(folder):
    mix = [{"path": "own.jsonl", "share": 0.25}]
    run_loop(folder, 2, loop={"data": "accumulate", "mix": mix})
    *_, (_, arguments), _ = calls(folder)
    patterns = [value for key, value in pairwise(arguments) if key == "--data"]
    shards = [folder / "out" / f"iteration-{number}" / "shards" for number in (1, 2)]
    assert patterns == [str(one / "extender-*.jsonl") for one in shards]
    assert 'data.mix=[{"path":"own.jsonl","share":0.25}]' in arguments


def test_later_iterations_train_the_earlier_adapters_further(folder):
    run_loop(folder, 3)
    trainings = [call for call in calls(folder) if call[0].split()[0] in ("generator", "extender")]
    assert len(trainings) == 6
    for step, arguments in trainings[2:]:
        role, number = step.split()
        previous = folder / "out" / f"iteration-{int(number) - 1}" / "adapters" / role
        assert option(arguments, "--adapter") == str(previous)


def test_several_processes_are_started_by_accelerate(folder):
    loop = {"processes": 4, "accelerate_config": "fsdp.yaml"}
    run_loop(folder, 1, loop=loop)
    started = [arguments for _, arguments in calls(folder)]
    launcher = ["accelerate.commands.launch", "--num_processes", "4", "--config_file", "fsdp.yaml"]
    for arguments in started[1:3]:
        assert arguments[:8] == [*launcher, "-m", "train", "sft"]
    assert started[0][:2] == ["synth", "run"]


@pytest.mark.parametrize("position", range(7))
def test_after_a_death_only_what_is_left_is_done(folder, position):
    whole = [*ONE, *TWO, "measure 3"]
    write_script(folder, **{whole[position].replace(" ", "_"): 1})
    with pytest.raises(StepError, match=r"exit code 1; the same command goes on from there"):
        run_loop(folder, 2)
    assert steps(folder) == whole[: position + 1]
    write_script(folder)
    assert run_loop(folder, 2)[0] == 0
    assert steps(folder) == [*whole[: position + 1], *whole[position:]]


def test_a_finished_loop_does_nothing_again_and_shows_its_table(folder):
    run_loop(folder, 1)
    before = steps(folder)
    code, printed = run_loop(folder, 1)
    assert (code, steps(folder)) == (0, before)
    assert "macro-iterations" in printed


def test_more_iterations_can_be_asked_for_later(folder):
    run_loop(folder, 1)
    run_loop(folder, 2)
    assert steps(folder) == [*ONE, "measure 2", *TWO, "measure 3"]


def test_without_held_out_instructions_nothing_is_measured(folder):
    run_loop(folder, 1, held_out={"num_instructions": 0})
    assert steps(folder) == ONE


def test_fewer_instructions_than_asked_do_not_end_a_loop(folder):
    write_script(folder, run_1=3)
    code, printed = run_loop(folder, 1)
    assert code == 3
    assert "iteration 1, run: fewer instructions than asked; going on" in printed
    assert steps(folder) == [*ONE, "measure 2"]
    assert run_loop(folder, 1)[0] == 3


def test_an_interrupted_step_ends_the_loop_as_interrupted(folder):
    write_script(folder, generator_1=130)
    code, printed = run_loop(folder, 2)
    assert code == 130
    assert "interrupted; the same command goes on" in printed
    assert steps(folder) == ONE[:2]


def test_an_iteration_without_rows_is_not_trained_on(folder):
    write_script(folder, run_1=4)
    with pytest.raises(StepError, match=r"iteration 1: no rows to train the generator on") as error:
        run_loop(folder, 1)
    assert str(folder / "out" / "iteration-1" / "rejects") in str(error.value)
    assert "\n" not in str(error.value)
    assert steps(folder) == ["run 1"]


def test_a_step_that_leaves_nothing_behind_is_an_error(folder):
    plan = plan_of(folder)
    with pytest.raises(StepError, match=r"iteration 1, run: ended without .*manifest\.json"):
        run_loop_with(lambda _: 0, plan, Console(file=io.StringIO()))


def test_a_second_loop_in_one_directory_is_refused(folder):
    with (
        RunDirectory(folder / "out").locked(".loop.lock"),
        pytest.raises(DirectoryError, match="is writing there"),
    ):
        run_loop(folder, 1)
    assert steps(folder) == []


def test_a_step_can_take_the_lock_of_the_directory(folder):
    directory = RunDirectory(folder / "out")
    plan = LoopPlan(ConfigSource(folder / "run.yaml"), loop_config(folder), directory, 1)
    locked = []

    def run(_):
        with directory.locked():
            locked.append(directory.is_locked())
        return 1

    with pytest.raises(StepError):
        run_loop_with(run, plan, Console(file=io.StringIO()))
    assert locked == [True]
