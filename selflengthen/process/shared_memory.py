"""Shared memory that is removed even if all processes of a group were killed at once."""

import os
import sys
from multiprocessing import resource_tracker


def outlive_group() -> None:
    """Start the tracker of `multiprocessing` in a session of its own, unless one runs (POSIX only).

    It removes shared memory and semaphores once this process and its descendants have ended.
    Started by `multiprocessing`, it is in the group that it cleans up after and is killed with it.
    """
    tracker = resource_tracker._resource_tracker
    if os.name != "posix" or getattr(tracker, "_fd", None) is not None:
        return
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    code = f"from multiprocessing.resource_tracker import main; main({reader})"
    pid = os.posix_spawn(
        sys.executable, [sys.executable, "-P", "-c", code], os.environ, setsid=True
    )
    os.close(reader)
    vars(tracker).update(_fd=writer, _pid=pid)
