"""Folders that others read appear whole: temporary name, fsync of every file, rename."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.errors import DirectoryError


def check_free(path: Path) -> None:
    """Check that nothing would be overwritten.

    Raises: DirectoryError: there is a file or a folder with something in it.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DirectoryError(f"--out {path}: exists and is not empty; choose another or delete it")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to that gets its name only when the block ends without an error.

    What an earlier attempt left unfinished is deleted.
    """
    path = path.resolve()
    check_free(path)
    unfinished = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    yield unfinished
    for part in [*unfinished.rglob("*"), unfinished]:
        _sync(part)
    unfinished.rename(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
