"""Real vLLM, really killed: the run goes on or resumes, and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.faults]

SETTINGS = [
    "num_instructions=4",
    "cohort_instructions=4",
    "expand.attempts=40",
    "generate.attempts=6",
    "generate.max_completion_tokens=256",
    "extend.attempts=2",
    "extend.max_completion_tokens=320",
    "extend.max_stage_1_tokens=160",
    "held_out.num_instructions=0",
]
# Who dies once which stage has its first completion.
ALL_KILLS = [
    ("core", "expand"),
    ("main", "judge"),
    ("main", "generate"),
    ("main", "extend_head"),
    ("core", "extend_tail"),
]
SAMPLED_KILLS = [("main", "expand"), ("core", "extend_head")]
SECRETS = {"HF_TOKEN": "hf_planted7token", "MY_DB_PASSWORD": "planted-pass-word"}


class RunUnderTest:
    """`synth run` in a session of its own."""

    def __init__(self, out):
        self.out = out
        command = ["run", "--config", "configs/cpu.yaml", "--out", str(out)]
        overrides = [part for setting in SETTINGS for part in ("-o", setting)]
        self.log = out.parent / f"{out.name}.log"
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "synth", *command, *overrides],
                start_new_session=True,
                stdout=file,
                stderr=file,
                env={**os.environ, **SECRETS},
            )

    def wait_for(self, stage):
        """Wait until a request of a stage is journalled."""
        journal = self.out / "iteration-1" / "journal" / "cohort-00000.jsonl"
        while self.process.poll() is None:
            if journal.exists() and f"/{stage}".encode() in journal.read_bytes():
                return
            time.sleep(0.1)
        raise AssertionError(f"ended before {stage}: {self.log.read_text()}")

    def processes(self):
        """Return all processes of the session that live."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid and process.status() != "zombie":
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def core(self):
        """Return the engine's core: the child that has a name of vLLM's."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if "EngineCore" in " ".join(child.cmdline()))

    def wait_for_end(self):
        """Wait until nothing of the session lives any more; return the exit code."""
        code = self.process.wait()
        deadline = time.monotonic() + 15
        while processes := self.processes():
            assert time.monotonic() < deadline, processes
            time.sleep(0.1)
        return code


def listening_addresses(run):
    connections = [
        connection for process in run.processes() for connection in process.net_connections("tcp")
    ]
    return {connection.laddr.ip for connection in connections if connection.status == "LISTEN"}


def shared_memory():
    return set(os.listdir("/dev/shm"))


@pytest.fixture(scope="module")
def survived(tmp_path_factory, request):
    """Kill a run again and again, let it end; return its folder and what was seen."""
    out = tmp_path_factory.mktemp("killed") / "out"
    kills = ALL_KILLS if request.config.getoption("--all-faults") else SAMPLED_KILLS
    before = shared_memory()
    addresses = set()
    run = RunUnderTest(out)
    for victim, stage in kills:
        run.wait_for(stage)
        addresses |= listening_addresses(run)
        if victim == "core":
            run.core().kill()
            continue
        run.process.kill()
        assert run.wait_for_end() == -signal.SIGKILL
        run = RunUnderTest(out)
    code = run.wait_for_end()
    return out, code, addresses, shared_memory() - before, run.log.read_text()


def test_a_run_survives_kills_of_all_its_processes(survived):
    out, code, _, _, log = survived
    assert code in (0, 3), log
    assert "starting another" in log
    assert (out / "iteration-1" / "manifest.json").exists()
    metrics = json.loads((out / "iteration-1" / "metrics.json").read_bytes())
    assert metrics["replayed"] > 0
    assert metrics["engine"]["num_deaths"] == 1
    assert metrics["tokens"]["retried"] > 0
    assert metrics["tokens"]["generated"] == sum(row["generated"] for row in metrics["ledger"])


def test_nothing_is_there_twice(survived):
    out, *_ = survived
    for kind in ("records", "shards"):
        for path in (out / "iteration-1" / kind).iterdir():
            ids = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
            assert len(ids) == len(set(ids))


def test_no_shared_memory_is_left(survived):
    _, _, _, left, _ = survived
    assert not left


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


def test_a_signal_while_the_engine_starts_ends_everything(tmp_path):
    run = RunUnderTest(tmp_path / "out")
    while len(run.processes()) < 2:
        time.sleep(0.1)
    time.sleep(2)
    began = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    assert run.wait_for_end() == 130
    assert time.monotonic() - began < 10
    assert "interrupted" in run.log.read_text()
