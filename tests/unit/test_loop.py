"""`synth loop`: order of steps, their arguments, and what is left to do after each way to end."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from command import synth
from runs import SMALL, code_of
from scripted_child import calls, option, scripted
from selflengthen.command import ConfigSource
from selflengthen.errors import ConfigError, DirectoryError
from synth.config import RunConfig
from synth.loop.plan import LoopPlan
from synth.loop.processes import StepProcess
from synth.loop.steps import StepError, run_loop_with
from synth.run.directory import RunDirectory

ONE = ["run 1", "generator 1", "extender 1"]
TWO = ["run 2", "generator 2", "extender 2"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.yaml").write_text("model: {name: scripted}\n")
    write_script(tmp_path)
    return tmp_path


def write_script(folder, **exit_codes):
    script = {step.replace("_", " "): exit_code for step, exit_code in exit_codes.items()}
    (folder / "script.json").write_text(json.dumps(script))


def loop_config(folder, **changes):
    trainer = str(folder / "train.yaml")
    loop = {"generator": trainer, "extender": trainer}
    return RunConfig.model_validate(
        {**SMALL, **changes, "loop": {**loop, **changes.get("loop", {})}}
    )


def plan_of(folder):
    """Return a plan of one macro-iteration."""
    source, directory = ConfigSource(folder / "run.yaml"), RunDirectory(folder / "out")
    return LoopPlan(source, loop_config(folder), directory, 1)


def run_loop(folder, num_iterations, overrides=(), is_final=False, **changes):
    """Run a loop of scripted children; return exit code and what it printed."""
    out = io.StringIO()
    plan = LoopPlan(
        ConfigSource(folder / "run.yaml", overrides),
        loop_config(folder, **changes),
        RunDirectory(folder / "out"),
        num_iterations,
        is_final,
    )
    run = scripted(StepProcess().run)
    result = run_loop_with(run, plan, Console(file=out, width=160))
    return code_of(result), out.getvalue()


def steps(folder):
    return [step for step, _ in calls(folder)]


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
    made_of = {"iterations": [1], "settings": {}, "records": 1, "left_out": {}, "rows": 1}
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


def test_the_table_shows_what_every_iteration_gave(folder):
    _, printed = run_loop(folder, 2)
    rows = json.loads((folder / "out" / "loop.json").read_bytes())
    assert set(rows[0].pop("quality")) == {"kept", "before", "after"}
    assert rows[0] == {
        "iteration": 1,
        "asked": 4,
        "instructions": 4,
        "rows": 1,
        "num_words": {"initial": {"p50": 200, "p90": 300}, "response": {"p50": 200, "p90": 300}},
        "growth": 2.5,
        "acceptance": {"generate": 0.5, "extend_tail": 0.25},
        "held_out_words": {"before": 100, "after": 200},
        "loss": {"generator": 1.5, "extender": 2.5},
        "schema_version": 1,
    }
    assert rows[1]["held_out_words"] == {"before": 200, "after": 300}
    first, second = printed.split("macro-iterations")[1:]
    assert "100 -> -" in first
    assert "100 -> 200" in second
    assert "200 -> 300" in second
    assert "0.750" in second
    assert "1.250" in second


def test_unknown_values_are_dashes(folder):
    run_loop(folder, 1, held_out={"num_instructions": 0})
    iteration = folder / "out" / "iteration-1"
    (iteration / "adapters" / "generator" / "provenance.json").write_text("{}")
    (iteration / "held_out.jsonl").unlink()
    (iteration / "metrics.json").unlink()
    code, printed = run_loop(folder, 1, held_out={"num_instructions": 0})
    assert code == 0
    assert "- -> -" in printed
    assert "2.500" in printed
    assert "1.500" not in printed.split("macro-iterations")[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loop": {"generator": None}}, r"loop\.generator: missing"),
        ({"loop": {"extender": "none.yaml"}}, r"loop\.extender: no file 'none\.yaml'"),
        ({"adapters": {"generator": "x"}}, r"adapters\.generator: set, but a loop serves what it"),
        ({"seeds": "none.jsonl"}, r"seeds: cannot read 'none\.jsonl'"),
    ],
)
def test_a_loop_that_cannot_start_writes_nothing(folder, changes, message):
    with pytest.raises(ConfigError, match=message):
        run_loop(folder, 1, **changes)
    assert not (folder / "out").exists()


def test_processes_and_launcher_configuration_belong_together(folder):
    with pytest.raises(ValueError, match="accelerate_config needs processes above 1"):
        loop_config(folder, loop={"accelerate_config": "fsdp.yaml"})


def claimed(folder):
    """Claim a directory as the first `synth run` does, and have something depend on it."""
    from synth.run.prepare import prepare

    directory = RunDirectory(folder / "out")
    resolved = prepare(loop_config(folder), 1, directory).resolved
    (folder / "out").mkdir()
    directory.claim(resolved)
    journal = directory.iteration(1).journal(0)
    journal.parent.mkdir(parents=True)
    journal.write_text("{}")


def test_another_configuration_is_refused_before_the_first_step(folder):
    claimed(folder)
    with pytest.raises(DirectoryError, match=r"config\.seed 0 -> 7"):
        run_loop(folder, 1, seed=7)
    assert steps(folder) == []


def test_the_loop_s_own_section_may_change(folder):
    claimed(folder)
    assert run_loop(folder, 1, loop={"processes": 2})[0] == 0


def test_missing_trainer_configuration_on_the_command_line(tmp_path):
    arguments = ["--config", "configs/cpu.yaml", "--out", tmp_path / "out", "--iterations", 1]
    code, stdout, stderr = synth("loop", *arguments, "-o", "loop.generator=nowhere.yaml")
    assert (code, stdout, stderr.count("\n")) == (2, "", 1)
    assert "loop.generator: no file 'nowhere.yaml'" in stderr
    assert not (tmp_path / "out").exists()


def test_a_trainer_s_mistake_is_found_before_the_first_step(tmp_path):
    trainer = tmp_path / "train.yaml"
    trainer.write_text("lora: {rank: 8, alpa: 16}\n")
    arguments = ["--config", "configs/cpu.yaml", "--out", tmp_path / "out", "--iterations", 1]
    code, stdout, stderr = synth("loop", *arguments, "-o", f"loop.extender={trainer}")
    assert (code, stdout, stderr.count("\n")) == (2, "", 1)
    assert f"loop.extender: {trainer}: lora.alpa: unknown key; did you mean 'alpha'?" in stderr
    assert not (tmp_path / "out").exists()


LOOP = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from rich.console import Console
from scripted_child import scripted
from synth.loop.steps import run_loop_with
from synth.loop.processes import StepProcess
from runs import code_of
from test_loop import plan_of
folder = Path({folder!r})
plan = plan_of(folder)
process = StepProcess()
with process.listening():
    sys.exit(code_of(run_loop_with(scripted(process.run), plan, Console())))
"""


def start_loop(folder):
    """Run a loop in a session of its own: it has no terminal, so that SIGINT is handed on too."""
    here = Path(__file__).parent
    paths = [str(here), str(here.parent / "helpers")]
    code = LOOP.format(paths=paths, folder=str(folder))
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    )


def wait_for_sleep(folder):
    deadline = time.monotonic() + 60
    while not (folder / "asleep").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.faults
def test_a_loop_that_is_killed_in_every_step_does_none_twice(folder):
    killed_in = [*ONE, "measure 2"]
    for step in killed_in:
        write_script(folder, **{step.replace(" ", "_"): "sleep"})
        loop = start_loop(folder)
        wait_for_sleep(folder)
        os.killpg(loop.pid, signal.SIGKILL)
        loop.communicate()
        (folder / "asleep").unlink()
    write_script(folder)
    loop = start_loop(folder)
    loop.communicate(timeout=60)
    assert loop.returncode == 0
    assert steps(folder) == [step for step in killed_in for _ in range(2)]


@pytest.mark.faults
def test_a_step_is_interrupted_when_only_the_loop_is_killed(folder):
    write_script(folder, run_1="sleep")
    loop = start_loop(folder)
    wait_for_sleep(folder)
    loop.kill()
    loop.communicate(
        timeout=30
    )  # until nobody has its output open; the step would sleep for longer
    assert steps(folder) == ["run 1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_handed_on_and_the_child_waited_for(folder, number):
    write_script(folder, run_1="sleep")
    loop = start_loop(folder)
    try:
        wait_for_sleep(folder)
        os.kill(loop.pid, number)
        printed, _ = loop.communicate(timeout=30)
    finally:
        loop.kill()
    assert loop.returncode == 130
    assert b"interrupted; the same command goes on" in printed
    assert steps(folder) == ["run 1"]
