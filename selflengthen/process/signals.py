"""Ctrl-C and SIGTERM: who takes them, and for how long."""

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
Handler = Callable[[int, FrameType | None], None]

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_interrupts: dict[asyncio.AbstractEventLoop, Callable[[], None]] = {}
"""How runs in other threads than the main one are interrupted, which signals do not reach."""


@contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Let a handler take the signals while the block lasts; those that are ignored stay so.

    Does nothing in a thread beside the main one.
    """
    if not _is_main_thread():
        yield
        return
    with restored():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)
        yield


@contextmanager
def restored() -> Iterator[None]:
    """Put the handlers of signals back after the block, whoever replaced them."""
    earlier = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        if _is_main_thread():
            for number, handler in earlier.items():
                signal.signal(number, handler)


def cancel_on_signal(task: "asyncio.Task[Any]") -> asyncio.Event:
    """Cancel on the first Ctrl-C or SIGTERM; on a second one, leave at once."""
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        task.cancel()
        if _is_main_thread():
            for number in SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, _leave)

    if _is_main_thread():
        for number in SIGNALS:
            loop.add_signal_handler(number, interrupt)
    else:
        _interrupts[loop] = interrupt
        task.add_done_callback(lambda _: _interrupts.pop(loop, None))
    return interrupted


def interrupt_other_threads(_number: int, _frame: FrameType | None) -> None:
    """Interrupt the runs of other threads, as a first Ctrl-C does a command."""
    for loop, interrupt in list(_interrupts.items()):
        loop.call_soon_threadsafe(interrupt)


@contextmanager
def leaving_on_signal(announce: Announce) -> Iterator[None]:
    """On a signal, kill the children and leave, while a library that hides exceptions starts."""

    def leave(number: int, frame: FrameType | None) -> None:
        announce("interrupted; the same command goes on")
        _leave(number, frame)

    with handled_by(leave):
        yield


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Take the children along; what is journalled is on disk."""
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(EXIT_INTERRUPTED)
