"""Exit codes of `synth run` and `synth loop` where no engine is needed to see them."""

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from scripted_runs import run_scripted, small_config
from selflengthen import api
from selflengthen.errors import EXIT_FEWER_THAN_ASKED
from synth.__main__ import cli
from synth.loop import steps
from synth.run.directory import RunDirectory
from synth.run.iteration import run_iteration

COMMANDS = {"run": (), "loop": ("--iterations", "1")}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("state", "has_fewer", "flags", "code"),
    [
        ("complete", False, (), 0),
        ("complete", True, (), 3),
        ("complete", True, ("--allow-fewer",), 0),
        ("interrupted", True, ("--allow-fewer",), 130),
    ],
)
def test_a_result_becomes_an_exit_code(
    command, state, has_fewer, flags, code, tmp_path, monkeypatch
):
    result = SimpleNamespace(state=state, has_fewer_than_asked=has_fewer, was_complete=False)
    monkeypatch.setattr(api, "synthesize", lambda *_: result)
    monkeypatch.setattr(steps, "run_loop", lambda *_: result)
    options = ["--config", "configs/cpu.yaml", "--out", str(tmp_path / "out"), *COMMANDS[command]]
    assert CliRunner().invoke(cli, [command, *options, *flags]).exit_code == code


def test_a_finished_directory_is_left_with_0_also_when_there_were_fewer(tmp_path, monkeypatch):
    config = small_config(expand={"attempts": 1})
    _, code = run_scripted(tmp_path, config)
    assert code == EXIT_FEWER_THAN_ASKED
    result = run_iteration(config, 1, RunDirectory(tmp_path))
    assert result.was_complete
    assert result.has_fewer_than_asked
    monkeypatch.setattr(api, "synthesize", lambda *_: result)
    ended = CliRunner().invoke(cli, ["run", "--config", "configs/cpu.yaml", "--out", str(tmp_path)])
    assert ended.exit_code == 0
    assert "iteration 1 is complete already" in ended.output
