"""Processes that end with the one that started them, even if that one was killed (Linux only)."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

SWITCH = "SELF_LENGTHEN_END_WITH_PARENT"
"""Set in the environment of processes whose children this is for."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Let Linux kill this process once its parent has died.

    vLLM calls this as a plug-in in each of its processes. In other people's it does nothing.
    """
    parent = multiprocessing.parent_process()
    if SWITCH in os.environ and parent is not None and sys.platform == "linux":
        _get_at_death_of(parent.pid, signal.SIGKILL)


def interrupt_at_death_of_this() -> Callable[[], None] | None:
    """Return what a child calls before it executes a command, for a SIGTERM at our death."""
    if sys.platform != "linux":
        return None
    pid = os.getpid()
    return lambda: _get_at_death_of(pid, signal.SIGTERM)


def _get_at_death_of(parent: int | None, number: signal.Signals) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)
