"""`synth run` with two replicas of real vLLM on Ray, one core each, which are killed on the way."""

import json
import os
import signal
import time

import psutil
import pytest

from vllm_run import (
    RunUnderTest,
    lasting_shared_memory,
    listening_addresses,
    shared_memory,
    wait_for_deaths,
)

pytestmark = [
    pytest.mark.engine,
    pytest.mark.faults,
    pytest.mark.exhaustive,
]

SETTINGS = [
    "num_instructions=8",
    "cohort_instructions=2",
    "generate.attempts=2",
    "extend.attempts=1",
    "extend.extensions=1",
    "engine.replicas=2",
    "engine.max_num_seqs=4",
    "engine.omp_threads_bind=0|1",
]


READY = "init engine"
"""Said by vLLM's core."""
MAX_SECONDS_TO_END = 10
MAX_SECONDS_OF_RAYS_AGENTS = 120
"""Two of Ray's processes try for a minute to tell a Ray that is dead that it is."""


def replicas(run):
    """Return the processes of the replicas: Ray names them after their actor."""
    family = psutil.Process(run.process.pid).children(recursive=True)
    return [process for process in family if "Replica" in " ".join(process.cmdline())]


def wait_until_both_work(run, num_starts=1):
    """Wait until both engines run and something is journalled; return the run's other processes."""
    folder = run.out / "iteration-1"
    for log in (folder / f"engine-{number}.log" for number in (0, 1)):
        wait_until(run, lambda log=log: log.exists() and log.read_text().count(READY) >= num_starts)
    before = journalled(folder)
    wait_until(run, lambda: journalled(folder) > before)
    assert len(replicas(run)) == 2
    return psutil.Process(run.process.pid).children(recursive=True)


def wait_until(run, is_so):
    while not is_so():
        assert run.process.poll() is None, run.log.read_text()
        time.sleep(0.1)


def journalled(folder):
    return sum(path.stat().st_size for path in folder.glob("journal/cohort-*.jsonl"))


def test_two_replicas_survive_ctrl_c_the_death_of_the_run_and_of_one_of_them(tmp_path):
    before, out = shared_memory(), tmp_path / "out"
    run = RunUnderTest(out, *SETTINGS)
    family = wait_until_both_work(run)
    assert listening_addresses(run) == {"127.0.0.1"}
    os.killpg(run.process.pid, signal.SIGINT)
    begin = time.monotonic()
    assert run.wait_for_end() == 130, run.log.read_text()
    assert time.monotonic() - begin < MAX_SECONDS_TO_END
    wait_for_deaths(family, 5)
    assert not lasting_shared_memory(before)

    run = RunUnderTest(out, *SETTINGS)
    family = wait_until_both_work(run, num_starts=2)
    run.process.kill()
    wait_for_deaths(family, MAX_SECONDS_OF_RAYS_AGENTS)
    assert not lasting_shared_memory(before)

    run = RunUnderTest(out, *SETTINGS)
    family = wait_until_both_work(run, num_starts=3)
    replicas(run)[0].kill()
    code, log = run.wait_for_end(), run.log.read_text()
    assert code in (0, 3), log
    assert "died" in log
    assert (out / "iteration-1" / "manifest.json").exists()
    for kind in ("records", "shards"):
        for path in (out / "iteration-1" / kind).glob("*"):
            ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
            assert len(ids) == len(set(ids))
    wait_for_deaths(family, 15)
    assert not lasting_shared_memory(before)
