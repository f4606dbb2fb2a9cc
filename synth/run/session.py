"""A piece of work in a run directory: the lock, the configuration, the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console

from selflengthen.process.output_redirect import redirected_output
from selflengthen.process.signals import Announce, restored
from synth.run.prepare import PreparedRun


@contextmanager
def held(run: PreparedRun, log: Path | None = None) -> Iterator[TextIO]:
    """Own the run directory while the block lasts; what libraries print goes to the engine's log.

    Args:
        log: None: that of the iteration.

    Yields: a stream to what standard output was.
    Raises: DirectoryError: another process has the directory, or it holds another run.
    """
    with restored(), run.directory.locked():
        run.directory.claim(run.resolved)
        with redirected_output(log or run.files.engine_log) as terminal:
            yield terminal


def announcing(console: Console) -> Announce:
    """Return what tells the person at a console what happens."""

    def announce(message: str) -> None:
        console.print(message, soft_wrap=True, markup=False, highlight=False)

    return announce
