"""Scripted engines for replicas: imported by Ray's processes."""

import asyncio
import os
import random
from pathlib import Path

import ray

from scripted_engine import ScriptedEngine
from writer import write


class SlowEngine(ScriptedEngine):
    """Takes a moment for each request, so that there is time to be killed."""

    def __init__(self, longest_s, concurrency=16):
        super().__init__(write, concurrency=concurrency)
        self._longest_s = longest_s

    async def generate(self, request, new_watch=None):
        await asyncio.sleep(random.random() * self._longest_s)
        return await super().generate(request, new_watch)


async def fast(_recipe, _log, _announce):
    return ScriptedEngine(write)


async def slow(_recipe, log, _announce):
    """Start an engine that leaves its process id beside its log."""
    Path(log).with_suffix(".pid").write_text(str(os.getpid()))
    return SlowEngine(0.02)


async def narrow(recipe, log, announce):
    """Start an engine that has room for few cohorts."""
    await slow(recipe, log, announce)
    return SlowEngine(0.1, concurrency=4)


async def one_stuck(recipe, log, announce):
    """Start an engine that says which node it is on; that of replica 1 answers nothing."""
    Path(log).with_suffix(".node").write_text(ray.get_runtime_context().get_node_id())
    return SlowEngine(3600 if Path(log).stem == "engine-1" else 0.02)


async def broken(_recipe, _log, _announce):
    """Die at once, with the process."""
    os._exit(7)
