"""Starts Ray as `synth run` does and kills an actor that is like a replica of vLLM.

Prints as JSON the addresses that Ray's processes listen on, and what the actor left behind.
"""

import json
import os
import signal
import sys
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import psutil

from scripted_runs import small_config
from selflengthen.process import parent_death
from synth.cluster.environment import set_ray_environment

IN_SECONDS = 15


def work(connection):
    """Do not end with SIGTERM, as a vLLM core that drains, but with the parent."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent_death.end_with_parent()
    connection.send("ready")
    signal.pause()


class Holder:
    """Has shared memory and a process that knows of it."""

    def start(self):
        os.environ[parent_death.SWITCH] = "1"
        self._memory = SharedMemory(create=True, size=1024)
        ours, theirs = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(target=work, args=(theirs,))
        self._process.start()
        assert ours.recv() == "ready"
        return os.getpid(), self._memory.name


def main():
    config = small_config()
    set_ray_environment(config)
    import ray

    from synth.cluster.session import connect

    connect(config)
    pid, memory = ray.get(ray.remote(Holder).remote().start.remote())
    children = psutil.Process(pid).children()
    pids = {process.pid for process in psutil.Process().children(recursive=True)}
    pairs = [pair for pair in psutil.net_connections("tcp") if pair.pid in pids]
    os.kill(pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=IN_SECONDS)
    found = {
        "listening": sorted({pair.laddr.ip for pair in pairs if pair.status == "LISTEN"}),
        "num_children": len(children),
        "alive": len(alive),
        "memory": Path("/dev/shm", memory).exists(),
    }
    json.dump(found, sys.stdout)
