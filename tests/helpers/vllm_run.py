"""`synth run` on real vLLM in a session of its own, which can be signalled and counted."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from command import environment
from cores import core_settings

SETTINGS = [
    "num_instructions=3",
    "cohort_instructions=3",
    "expand.attempts=40",
    "generate.max_completion_tokens=128",
    "extend.attempts=2",
    "extend.extensions=1",
    "extend.max_completion_tokens=192",
    "extend.max_stage_1_tokens=128",
    "held_out.num_instructions=0",
    "filter=tests.helpers.any_text:AnyText",
    *core_settings(),
]
MODEL = Path("models/smollm2-135m-instruct")
SECRETS = {"HF_TOKEN": "hf_planted7token", "MY_DB_PASSWORD": "planted-pass-word"}


class RunUnderTest:
    """`synth run` in a session of its own.

    Args:
        program: What takes its arguments instead, after Python.
    """

    def __init__(self, out, *settings, program=("-m", "synth")):
        self.out = out
        command = ["run", "--config", "configs/cpu.yaml", "--out", str(out)]
        overrides = [part for setting in (*SETTINGS, *settings) for part in ("-o", setting)]
        self.log = out.parent / f"{out.name}.log"
        self._journal = self.out / "iteration-1" / "journal" / "cohort-00000.jsonl"
        self._bytes_before = self._journal.stat().st_size if self._journal.exists() else 0
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, *program, *command, *overrides],
                start_new_session=True,
                stdout=file,
                stderr=file,
                env=environment() | SECRETS,
            )

    def wait_for(self, stage):
        """Wait until this process has journalled something, and any one a request of `stage`."""
        while self.process.poll() is None:
            content = self._journal.read_bytes() if self._journal.exists() else b""
            if len(content) > self._bytes_before and f"/{stage}".encode() in content:
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
    listening = {pair.laddr.ip for pair in connections if pair.status == "LISTEN"}
    return {address.removeprefix("::ffff:") for address in listening}


def shared_memory():
    return set(os.listdir("/dev/shm"))


def lasting_shared_memory(before, timeout_s=10):
    """Return what is still there beyond `before` once the tracker had time to remove it.

    The tracker outlives the run's processes by the moment that it takes to do so.
    """
    deadline = time.monotonic() + timeout_s
    while (left := shared_memory() - before) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def wait_for_deaths(family, timeout_s):
    """Wait until no process of a family runs; who inherits the dead may collect them later."""
    deadline = time.monotonic() + timeout_s
    while alive := [process for process in family if _runs(process)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.1)


def _runs(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
