"""A piece of work in a directory: the lock, the configuration, the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from selflengthen.files.owned_directory import OwnedDirectory
from selflengthen.process.output_redirect import redirected_output
from selflengthen.process.signals import Announce, restored


@contextmanager
def held(directory: OwnedDirectory, resolved: dict[str, Any], log: Path) -> Iterator[TextIO]:
    """Own a directory while the block lasts; what libraries print goes to the engine's log.

    Args:
        resolved: The configuration that the directory is for.

    Yields: a stream to what standard output was.
    Raises: DirectoryError: another process has the directory, or it holds another run.
    """
    with restored(), directory.locked():
        directory.claim(resolved)
        with redirected_output(log) as terminal:
            yield terminal


def announcing(console: Console) -> Announce:
    """Return what tells the person at a console what happens."""

    def announce(message: str) -> None:
        console.print(message, soft_wrap=True, markup=False, highlight=False)

    return announce
