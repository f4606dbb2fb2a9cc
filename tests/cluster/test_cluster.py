"""Many replicas on Ray: the same files as one engine's, whoever dies or comes late."""

import asyncio
import io
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster
from rich.console import Console

import replica_engine
from scripted_runs import code_of, data_files, metrics_of, run_scripted, working_ahead
from synth.cluster import driver as cluster_run
from synth.cluster.session import run_on_cluster
from synth.engine.errors import EngineError
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare

NUM_INSTRUCTIONS = 48
ROOT = Path(__file__).parents[2]


def config_of(replicas, num_instructions=NUM_INSTRUCTIONS, **engine):
    config = working_ahead(num_instructions=num_instructions, cohort_instructions=4)
    engine = config.engine.model_copy(update={"replicas": replicas, **engine})
    return config.model_copy(update={"engine": engine})


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Return the files of one engine in this process."""
    files, code = run_scripted(tmp_path_factory.mktemp("one"), config_of(None))
    assert code == 0
    return data_files(files)


@pytest.fixture
def cluster(monkeypatch):
    """Return a cluster with a head that has no room for replicas; nodes are the tests' to add."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's processes inherit it: an environment of its own for the workers takes seconds to make.
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests' / 'helpers'}")
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def run(folder, replicas, make_engine, meanwhile=None, **engine):
    """Run iteration 1 on the cluster, something else beside it; return files and exit code."""
    directory = RunDirectory(folder)
    prepared = prepare(config_of(replicas, **engine), 1, directory)
    directory.claim(prepared.resolved)
    files = prepared.files
    beside = threading.Thread(target=meanwhile or (lambda _: None), args=(files,), daemon=True)
    beside.start()
    console = Console(file=io.StringIO())
    result = asyncio.run(run_on_cluster(prepared, make_engine, console))
    beside.join()
    return files, code_of(result)


def wait_for_receipts(files, number):
    while len(list(files.folder.glob("journal/*.complete.json"))) < number:
        time.sleep(0.01)


def pids(files):
    texts = [path.read_text() for path in files.folder.glob("engine-*.pid")]
    return [int(text) for text in texts if text]


EXHAUSTIVE = pytest.mark.exhaustive


@pytest.mark.parametrize(
    "replicas", [pytest.param(1, marks=EXHAUSTIVE), 2, pytest.param(4, marks=EXHAUSTIVE)]
)
def test_any_number_of_replicas_writes_the_same_files(cluster, expected, tmp_path, replicas):
    cluster.add_node(num_cpus=4)
    files, code = run(tmp_path / "out", replicas, replica_engine.fast)
    assert code == 0
    assert data_files(files) == expected
    metrics = metrics_of(files)
    assert metrics["cohorts"] == {"total": 12, "open": 0, "complete": 12}
    assert metrics["engine"]["num_engines"] == replicas


def test_a_run_that_grows_writes_what_it_writes_without_ray(cluster, tmp_path):
    cluster.add_node(num_cpus=2)
    for number in (10, 24):
        plain, _ = run_scripted(tmp_path / "plain", config_of(1, num_instructions=number))
        files, code = run(tmp_path / "out", 2, replica_engine.fast, num_instructions=number)
    assert code == 0
    assert data_files(files) == data_files(plain)


@pytest.mark.faults
def test_replicas_killed_at_random_lose_nothing(cluster, expected, tmp_path, all_faults):
    num_kills, rng = 20 if all_faults else 2, random.Random(0)
    cluster.add_node(num_cpus=2)
    num_killed = 0

    def kill(files):
        nonlocal num_killed
        while num_killed < num_kills and not files.manifest.exists():
            time.sleep(0.2 + rng.random())
            victim = rng.choice(pids(files) or [0])
            if victim and Path(f"/proc/{victim}").exists():
                os.kill(victim, signal.SIGKILL)
                num_killed += 1

    # As often as it takes: a run that is over is begun anew.
    for attempt in range(num_kills):
        files, code = run(
            tmp_path / f"out-{attempt}", 2, replica_engine.slow, kill, max_deaths=num_kills
        )
        assert code == 0
        assert data_files(files) == expected
        if num_killed >= num_kills:
            break
    assert num_killed >= num_kills


@pytest.mark.faults
def test_a_node_that_dies_loses_nothing(cluster, expected, tmp_path):
    lost, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)

    def lose(files):
        wait_for_receipts(files, 2)
        cluster.remove_node(lost, allow_graceful=False)

    files, code = run(tmp_path / "out", 2, replica_engine.slow, lose)
    assert code == 0
    assert data_files(files) == expected


@pytest.mark.faults
@EXHAUSTIVE
def test_what_waits_for_a_node_that_dies_at_the_end_is_not_stuck(cluster, expected, tmp_path):
    """No cohort is left to be handed out, and those of the other node wait for lost ones."""
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

    def lose(files):
        while len({path.name.split(".")[0] for path in files.folder.glob("journal/*")}) < 12:
            time.sleep(0.01)
        stuck = files.folder.joinpath("engine-1.node").read_text()
        lost = next(node for node in nodes if node.node_id == stuck)
        cluster.remove_node(lost, allow_graceful=False)

    files, code = run(tmp_path / "out", 2, replica_engine.one_stuck, lose)
    assert code == 0
    assert data_files(files) == expected


@EXHAUSTIVE
def test_a_node_that_joins_late_takes_part(cluster, expected, tmp_path, monkeypatch):
    # A node sets signal handlers, which a thread may not.
    monkeypatch.setattr(ray._private.utils, "set_sigterm_handler", lambda _handler: None)
    cluster.add_node(num_cpus=1)

    def join(files):
        wait_for_receipts(files, 1)
        cluster.add_node(num_cpus=1)
        # Its processes end with the thread that started them.
        wait_for_receipts(files, 12)

    files, code = run(tmp_path / "out", 2, replica_engine.narrow, join)
    assert code == 0
    assert data_files(files) == expected
    assert len(pids(files)) == 2


def test_a_person_is_told_when_no_replica_finds_a_place(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_run, "PLACEMENT_S", 0.5)
    monkeypatch.setattr(ray._private.utils, "set_sigterm_handler", lambda _handler: None)
    told = threading.Event()

    def say(console, message, **_):
        if "asks for 1 cores and 0 GPUs, the cluster has 0 and 0" in str(message):
            told.set()

    monkeypatch.setattr(Console, "print", say)

    def join(files):
        told.wait(20)
        cluster.add_node(num_cpus=1)
        wait_for_receipts(files, 12)

    _, code = run(tmp_path / "out", 1, replica_engine.fast, join)
    assert told.is_set()
    assert code == 0


@EXHAUSTIVE
def test_a_cluster_goes_on_where_one_engine_stopped(cluster, expected, tmp_path):
    from scripted_engine import ScriptedEngine
    from writer import write

    with pytest.raises(EngineError):
        run_scripted(tmp_path / "out", config_of(None), ScriptedEngine(write, dies_after=300))
    cluster.add_node(num_cpus=2)
    files, code = run(tmp_path / "out", 2, replica_engine.fast)
    assert code == 0
    assert data_files(files) == expected


def test_a_replica_that_dies_again_and_again_ends_the_run(cluster, tmp_path):
    cluster.add_node(num_cpus=1)
    with pytest.raises(EngineError, match="replica 0 died 2 times"):
        run(tmp_path / "out", 1, replica_engine.broken, max_deaths=2)
