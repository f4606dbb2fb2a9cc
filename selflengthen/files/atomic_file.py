"""Files that others read appear whole: temporary name, fsync, rename, fsync of the folder."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from selflengthen.contract.base import Contract


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with naming(path), unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.rename(path)
    sync(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the system name the file, which it does not where the file is open."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_json(path: Path, value: object) -> None:
    """Write one JSON document, indented."""
    with atomic_file(path) as file:
        file.write(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2) + b"\n")


def write_json_lines(path: Path, rows: Iterable[object]) -> None:
    """Write one object a line."""
    with atomic_file(path) as file:
        file.writelines(map(json_line, rows))


def json_line(row: object) -> bytes:
    """Return a row as it is written, with the end of its line."""
    return orjson.dumps(row, default=_plain) + b"\n"


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, Contract):
        return value.to_row()
    raise TypeError(type(value))


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
