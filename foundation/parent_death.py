"""Processes that end with the one that started them, even if that one was killed."""

import ctypes
import multiprocessing
import os
import signal
import sys

SWITCH = "SELF_LENGTHEN_END_WITH_PARENT"
"""Set in the environment of processes whose children this is for."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Let Linux kill this process once its parent has died.

    vLLM calls this as a plug-in in each of its processes. In other people's it does nothing.
    """
    parent = multiprocessing.parent_process()
    if SWITCH not in os.environ or parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:
        os.kill(os.getpid(), signal.SIGKILL)
