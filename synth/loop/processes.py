"""The process of a loop's step: it inherits the terminal, and ends with the loop."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import FrameType

from selflengthen.errors import EXIT_INTERRUPTED
from selflengthen.process.own_modules import child_environment
from selflengthen.process.parent_death import interrupt_at_death_of_this
from selflengthen.process.signals import handled_by


class StepProcess:
    """Runs one command after the other; the first signal ends the loop behind its child."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._interrupted = False

    def run(self, command: Sequence[str]) -> int:
        """Run a command to its end; return its exit code, 130 if there was a signal."""
        if self._interrupted:
            return EXIT_INTERRUPTED
        self._child = subprocess.Popen(
            command, env=child_environment(), preexec_fn=interrupt_at_death_of_this()
        )
        if self._interrupted:
            self._child.terminate()
        exit_code = self._child.wait()
        self._child = None
        return EXIT_INTERRUPTED if self._interrupted else exit_code

    def listening(self) -> AbstractContextManager[None]:
        """Hand SIGINT and SIGTERM on to the child while a block lasts."""
        return handled_by(self._interrupt)

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        self._interrupted = True
        from_terminal = number == signal.SIGINT and _owns_terminal()
        if self._child is not None and not from_terminal:
            self._child.send_signal(number)


def _owns_terminal() -> bool:
    """Tell whether Ctrl-C reaches the child without us: a terminal sends it to the whole group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
