"""Reading JSON files of ours: one that is not as it was written is named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from selflengthen.errors import CorruptFileError


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read an object.

    Raises: CorruptFileError: it is none; says what to do.
    Raises: FileNotFoundError: there is no such file.
    """
    try:
        value = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise CorruptFileError(f"{path}: not JSON: {error}; {remedy}") from None
    if not isinstance(value, dict):
        raise CorruptFileError(f"{path}: not an object; {remedy}")
    return value


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines.

    Raises: CorruptFileError: a line is no JSON.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise CorruptFileError(f"{path}:{number}: not JSON: {error}; restore it") from None
