"""A scripted run in a process group of its own, which can be killed at any point."""

import asyncio
import multiprocessing
import os
import random
import signal
import time

from scripted_engine import ScriptedEngine
from scripted_runs import run_scripted, working_ahead
from synth.method.stages import Stage
from writer import write

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["scripted_runs"])
_STAGES = list(Stage)
_MAX_DELAY_S = 0.03


class CountedEngine(ScriptedEngine):
    """Tells another process how far it is; not as fast as it could be, to be hit in between."""

    def __init__(self, num_answered, last_stage):
        super().__init__(write)
        self._num_answered = num_answered
        self._last_stage = last_stage

    async def generate(self, request, new_watch=None):
        await asyncio.sleep(random.random() / 500)
        completion = await super().generate(request, new_watch)
        self._num_answered.value += 1
        self._last_stage.value = _STAGES.index(request.kind)
        return completion


def run_until(folder, num_answers, rng):
    """Run and kill after so many answers and a moment; return the stage hit, None if it ended."""
    num_answered = _SERVER.Value("i", 0)
    last_stage = _SERVER.Value("i", 0)
    process = _SERVER.Process(target=_run, args=(folder, num_answered, last_stage))
    process.start()
    while process.is_alive() and num_answered.value < num_answers:
        time.sleep(0.0005)
    process.join(rng.random() * _MAX_DELAY_S)
    if process.is_alive():
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    if process.exitcode == 0:
        return None
    assert process.exitcode == -signal.SIGKILL
    return _STAGES[last_stage.value]


def in_process(function, *arguments):
    """Call a function in a process of its own; return the exit code."""
    process = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def _run(folder, num_answered, last_stage):
    os.setpgid(0, 0)
    _, code = run_scripted(folder, working_ahead(), CountedEngine(num_answered, last_stage))
    assert code == 0
