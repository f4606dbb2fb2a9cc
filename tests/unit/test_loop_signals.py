"""`synth loop` when it or a step is killed or interrupted: no step is done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loops import ONE, prepared, steps, write_script


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path)


LOOP = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from rich.console import Console
from scripted_child import scripted
from synth.loop.steps import run_loop_with
from synth.loop.processes import StepProcess
from scripted_runs import code_of
from loops import plan_of
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
