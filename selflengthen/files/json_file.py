"""Reading JSON files of ours: one that is not as it was written is named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from selflengthen.contract.base import SCHEMA_VERSION, Contract
from selflengthen.errors import CorruptFileError

C = TypeVar("C", bound=Contract)


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


def read_as(kind: type[C], path: Path, remedy: str) -> C:
    """Read the one object of a file.

    Raises: CorruptFileError: it is none, or another kind's or version's; says what to do.
    Raises: FileNotFoundError: there is no such file.
    """
    return _check(kind, read_json(path, remedy), str(path), remedy)


def read_rows(kind: type[C], path: Path) -> Iterator[C]:
    """Yield the rows of a file of JSON lines.

    Raises: CorruptFileError: a line is no JSON, or another kind's or version's row.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            place = f"{path}:{number}"
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise CorruptFileError(f"{place}: not JSON: {error}; restore it") from None
            yield _check(kind, row, place, "restore it")


def _check(kind: type[C], value: object, place: str, remedy: str) -> C:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        version = value.get("schema_version", 0) if isinstance(value, dict) else 0
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise CorruptFileError(
                f"{place}: written by a later version; read it with that one"
            ) from None
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise CorruptFileError(
            f"{place}: not as this version writes it: {key}: {first['msg'].lower()}; {remedy}, or "
            "read it with the version that wrote it"
        ) from None
