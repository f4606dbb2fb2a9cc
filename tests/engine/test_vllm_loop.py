"""`synth loop` on real vLLM and real training: killed in every kind of step, then one more."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from command import environment
from vllm_run import SETTINGS, lasting_shared_memory, shared_memory, wait_for_deaths

pytestmark = [
    pytest.mark.engine,
    pytest.mark.faults,
    pytest.mark.exhaustive,
    pytest.mark.timeout(2700),
]

ENOUGH_FOR_ROWS = [
    "num_instructions=6",
    "cohort_instructions=6",
    "generate.max_completion_tokens=512",
    "extend.attempts=2",
    "extend.max_completion_tokens=768",
    "extend.max_stage_1_tokens=384",
    "held_out.num_instructions=2",
    "held_out.max_completion_tokens=160",
]


class LoopUnderTest:
    """`synth loop` in a session of its own."""

    def __init__(self, out, num_iterations):
        self.out = out
        self.log = out.parent / f"{out.name}.log"
        self._seen = self.log.stat().st_size if self.log.exists() else 0
        command = [*(sys.executable, "-m", "synth", "loop"), "--config", "configs/cpu.yaml"]
        command += ["--out", str(out), "--iterations", str(num_iterations), "--allow-fewer"]
        for setting in (*SETTINGS, *ENOUGH_FOR_ROWS):
            command += ["-o", setting]
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                start_new_session=True,
                stdout=file,
                stderr=file,
                env=environment(),
            )

    def printed(self):
        """Return what this process and its steps have printed."""
        return self.log.read_bytes()[self._seen :].decode()

    def wait_until(self, is_so):
        while not is_so():
            assert self._process.poll() is None, self.printed()
            time.sleep(0.1)

    def kill(self, with_steps):
        """Kill the loop, at the same moment as its steps or alone; wait until all have ended."""
        if self._process.poll() is not None:
            return
        family = psutil.Process(self._process.pid).children(recursive=True)
        if with_steps:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        wait_for_deaths(family, 20)

    def wait(self):
        """Wait for the end; return the exit code and what was printed."""
        return self._process.wait(), self.printed()


@pytest.fixture
def start():
    """Return what starts a loop; none is left when the test ends, however it ends."""
    loops = []

    def start_loop(out, num_iterations):
        loops.append(LoopUnderTest(out, num_iterations))
        return loops[-1]

    yield start_loop
    for loop in loops:
        loop.kill(with_steps=True)


def journalled(out):
    return sum(path.stat().st_size for path in out.glob("iteration-1/journal/cohort-*.jsonl"))


def has_step(out, role):
    path = out / "iteration-1" / "adapters" / f"{role}.unfinished" / "metrics.jsonl"
    return path.exists() and path.read_bytes().count(b"\n") > 0


def digests(folder):
    """Return the digests of all files that a finished step left, by path."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".jsonl", ".json", ".safetensors")
    }


def test_a_loop_survives_a_kill_in_each_of_its_steps_and_goes_on_for_another_iteration(
    tmp_path, start
):
    before, out = shared_memory(), tmp_path / "out"
    for with_steps in (True, False):
        loop = start(out, 1)
        size = journalled(out)
        loop.wait_until(lambda size=size: journalled(out) > size)
        loop.kill(with_steps)
    for role in ("generator", "extender"):
        loop = start(out, 1)
        loop.wait_until(lambda role=role: has_step(out, role))
        loop.kill(with_steps=True)
    loop = start(out, 1)
    loop.wait_until(lambda loop=loop: "starting vLLM" in loop.printed())
    assert "iteration 2, measure" in loop.printed()
    time.sleep(10)
    loop.kill(with_steps=True)

    code, printed = start(out, 1).wait()
    assert code == 0, printed
    assert "train the" not in printed
    first = digests(out / "iteration-1")
    assert len(first) > 10

    code, printed = start(out, 2).wait()
    assert code == 0, printed
    assert "iteration 1," not in printed
    assert digests(out / "iteration-1") == first
    records = [
        json.loads(line)
        for path in (out / "iteration-2" / "records").iterdir()
        for line in path.read_bytes().splitlines()
    ]
    assert records
    assert {record["adapters"]["generator"] for record in records} == {"generator@1"}
    assert not lasting_shared_memory(before)
