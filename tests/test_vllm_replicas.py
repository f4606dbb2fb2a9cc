"""`synth run` with two replicas of real vLLM on Ray, one core each; one is killed on the way."""

import json
import time
from pathlib import Path

import psutil
import pytest

from vllm_run import RunUnderTest, shared_memory

pytestmark = [
    pytest.mark.engine,
    pytest.mark.faults,
    pytest.mark.usefixtures("only_with_all_faults"),
]

SETTINGS = [
    "num_instructions=4",
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


def replicas(run):
    """Return the processes of the replicas: Ray names them after their actor."""
    family = psutil.Process(run.process.pid).children(recursive=True)
    return [process for process in family if "Replica" in " ".join(process.cmdline())]


def test_two_replicas_survive_the_death_of_one(tmp_path):
    before = shared_memory()
    run = RunUnderTest(tmp_path / "out", *SETTINGS)
    run.wait_for("generate")
    for log in (run.out / "iteration-1" / f"engine-{number}.log" for number in (0, 1)):
        while READY not in log.read_text():
            time.sleep(0.1)
    assert len(replicas(run)) == 2
    family = psutil.Process(run.process.pid).children(recursive=True)
    replicas(run)[0].kill()
    code = run.wait_for_end()
    log = run.log.read_text()
    assert code in (0, 3), log
    assert "died" in log
    assert (run.out / "iteration-1" / "manifest.json").exists()
    for kind in ("records", "shards"):
        for path in (run.out / "iteration-1" / kind).glob("*"):
            ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
            assert len(ids) == len(set(ids))
    assert not psutil.wait_procs(family, timeout=15)[1]
    # docs/operations.md: with the replica goes the process that would have removed these.
    for name in shared_memory() - before:
        Path("/dev/shm", name).unlink()
