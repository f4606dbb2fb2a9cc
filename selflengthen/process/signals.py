"""Ctrl-C and SIGTERM, as an event of the loop."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from selflengthen.errors import EXIT_INTERRUPTED

Announce = Callable[[str], None]
"""Tells the person at the terminal what happens."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def cancel_on_signal(task: "asyncio.Task[Any]") -> asyncio.Event:
    """Cancel on the first Ctrl-C or SIGTERM; on a second one, leave at once."""
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        task.cancel()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, _leave)

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt)
    return interrupted


@contextmanager
def leaving_on_signal(announce: Announce) -> Iterator[None]:
    """On a signal, kill the children and leave, while a library that hides exceptions starts.

    Does nothing in a thread beside the main one, which signals do not reach.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        announce("interrupted; the same command goes on")
        _leave(number, frame)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, leave)
    try:
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, before[number])


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Take the children along; what is journalled is on disk."""
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(EXIT_INTERRUPTED)
