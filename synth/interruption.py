"""Ctrl-C and SIGTERM, as an event of the loop."""

import asyncio
import signal
from typing import Any


def cancel_on_signal(task: "asyncio.Task[Any]") -> asyncio.Event:
    """Cancel on the first Ctrl-C or SIGTERM; a second one acts as it would without us."""
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        task.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    return interrupted
