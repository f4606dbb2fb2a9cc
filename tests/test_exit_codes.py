"""Exit codes of `synth run` and `synth loop` where no engine is needed to see them."""

import pytest
from click.testing import CliRunner

from runs import run_scripted, small_config
from selflengthen.errors import EXIT_FEWER_THAN_ASKED
from synth.__main__ import cli
from synth.loop.steps import steps as loop
from synth.run.directory import RunDirectory
from synth.run.iteration import iteration as synthesis
from synth.run.iteration import run_iteration

COMMANDS = {"run": (), "loop": ("--iterations", "1")}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("flags", "code"), [((), 3), (("--allow-fewer",), 0)])
def test_fewer_than_asked_may_be_allowed(command, flags, code, tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "run_iteration", lambda *_: EXIT_FEWER_THAN_ASKED)
    monkeypatch.setattr(loop, "run_loop", lambda *_: EXIT_FEWER_THAN_ASKED)
    options = ["--config", "configs/cpu.yaml", "--out", str(tmp_path / "out"), *COMMANDS[command]]
    assert CliRunner().invoke(cli, [command, *options, *flags]).exit_code == code


def test_a_failure_is_never_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "run_iteration", lambda *_: 1)
    options = ["--config", "configs/cpu.yaml", "--out", str(tmp_path / "out"), "--allow-fewer"]
    assert CliRunner().invoke(cli, ["run", *options]).exit_code == 1


def test_a_finished_directory_is_left_with_0_also_when_there_were_fewer(tmp_path, capsys):
    config = small_config(expand={"attempts": 1})
    _, code = run_scripted(tmp_path, config)
    assert code == EXIT_FEWER_THAN_ASKED
    assert run_iteration(config, 1, RunDirectory(tmp_path)) == 0
    assert "is complete already" in capsys.readouterr().out
