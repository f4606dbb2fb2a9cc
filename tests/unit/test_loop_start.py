"""`synth loop`: what it refuses before its first step."""

import pytest

from command import synth
from loops import loop_config, prepared, run_loop, steps
from selflengthen.errors import ConfigError, DirectoryError
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path)


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
