"""Real vLLM, really killed: the run goes on or resumes, and leaves no process behind."""

import json
import os
import shutil
import signal
import time
from importlib.metadata import version

import pytest
from packaging.version import Version

from vllm_run import (
    MODEL,
    SECRETS,
    RunUnderTest,
    lasting_shared_memory,
    listening_addresses,
    shared_memory,
)

pytestmark = [pytest.mark.engine, pytest.mark.faults]

# Who dies, or is told to end, once which stage has its first completion.
ALL_ENDS = [
    ("core", "expand"),
    ("main", "judge"),
    (signal.SIGTERM, "generate"),
    ("main", "generate"),
    (signal.SIGINT, "extend_head"),
    ("main", "extend_head"),
    ("core", "extend_tail"),
]
SAMPLED_ENDS = [("main", "generate"), ("core", "extend_head")]
MAX_SECONDS_TO_END = 10


@pytest.fixture(scope="module")
def survived(tmp_path_factory, all_faults):
    """End a run again and again, let it complete; return its folder and what was seen."""
    out = tmp_path_factory.mktemp("killed") / "out"
    before = shared_memory()
    addresses = set()
    run = RunUnderTest(out)
    for how, stage in ALL_ENDS if all_faults else SAMPLED_ENDS:
        run.wait_for(stage)
        addresses |= listening_addresses(run)
        if how == "core":
            run.core().kill()
            continue
        if how == "main":
            run.process.kill()
            assert run.wait_for_end() == -signal.SIGKILL
        else:
            code, seconds = signalled(run, how)
            assert code == 130
            assert seconds < MAX_SECONDS_TO_END
        run = RunUnderTest(out)
    code = run.wait_for_end()
    return out, code, addresses, lasting_shared_memory(before), run.log.read_text()


def test_a_run_survives_kills_of_all_its_processes(survived):
    out, code, _, _, log = survived
    assert code in (0, 3), log
    assert "starting another" in log
    assert (out / "iteration-1" / "manifest.json").exists()
    metrics = json.loads((out / "iteration-1" / "metrics.json").read_bytes())
    assert metrics["replayed"] > 0
    assert metrics["engine"]["num_deaths"] == 1
    assert metrics["tokens"]["generated"] == sum(row["generated"] for row in metrics["ledger"])


def test_nothing_is_there_twice(survived):
    out, *_ = survived
    for kind in ("records", "shards"):
        for path in (out / "iteration-1" / kind).glob("*"):
            ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
            assert len(ids) == len(set(ids))


def test_no_shared_memory_is_left(survived):
    _, _, _, left, _ = survived
    assert not left


@pytest.mark.xfail(
    Version(version("torch")) < Version("2.12"),
    reason="torch 2.11, with vLLM 0.26, opens its store's port on all addresses",
)
def test_only_this_machine_is_listened_to(survived):
    _, _, addresses, _, _ = survived
    assert addresses <= {"127.0.0.1", "::1"}


def test_no_secret_is_written(survived):
    out, *_ = survived
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        assert not [name for name, value in SECRETS.items() if value.encode() in content], path


@pytest.mark.exhaustive
def test_a_second_signal_ends_the_run_at_once(tmp_path):
    before = shared_memory()
    run = RunUnderTest(tmp_path / "out")
    run.wait_for("expand")
    os.killpg(run.process.pid, signal.SIGINT)
    time.sleep(0.2)
    code, seconds = signalled(run, signal.SIGINT)
    assert code == 130
    assert seconds < 3
    assert not lasting_shared_memory(before)


@pytest.mark.exhaustive
def test_weights_that_are_cut_end_with_one_line(tmp_path):
    before = shared_memory()
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    weights = model / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    run = RunUnderTest(tmp_path / "out", f"model.name={model}")
    assert run.wait_for_end() == 1
    error = run.log.read_text().splitlines()[-1]
    assert error.startswith("error: ")
    assert "safetensors" in error.lower()
    assert "engine.log" in error
    assert "Traceback" not in run.log.read_text()
    assert not lasting_shared_memory(before)


def test_a_signal_while_the_engine_starts_ends_everything(tmp_path):
    run = RunUnderTest(tmp_path / "out")
    while len(run.processes()) < 2:
        time.sleep(0.1)
    time.sleep(2)
    code, seconds = signalled(run, signal.SIGTERM)
    assert code == 130
    assert seconds < MAX_SECONDS_TO_END
    assert "interrupted" in run.log.read_text()


NOTEBOOK = """
import asyncio, sys
import selflengthen

async def cell():
    config = selflengthen.load_config(sys.argv[3], sys.argv[7::2])
    return selflengthen.synthesize(config, out=sys.argv[5])

if __name__ == "__main__":
    print("state", asyncio.run(cell()).state)
"""


@pytest.mark.exhaustive
def test_a_notebook_s_stop_button_interrupts_a_run_and_leaves_nothing(tmp_path):
    before, cell = shared_memory(), tmp_path / "cell.py"
    cell.write_text(NOTEBOOK)
    run = RunUnderTest(tmp_path / "out", program=(str(cell),))
    run.wait_for("expand")
    os.kill(run.process.pid, signal.SIGINT)
    assert run.wait_for_end() == 0, run.log.read_text()
    assert "state interrupted" in run.log.read_text()
    assert not lasting_shared_memory(before)
    again = RunUnderTest(tmp_path / "out", program=(str(cell),))
    assert again.wait_for_end() == 0, run.log.read_text()
    assert "state complete" in run.log.read_text()


def signalled(run, number):
    """Send SIGTERM, or SIGINT to all processes as a terminal does.

    Return the exit code and the seconds until no process was left.
    """
    began = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(run.process.pid, number)
    else:
        run.process.send_signal(number)
    code = run.wait_for_end()
    return code, time.monotonic() - began
