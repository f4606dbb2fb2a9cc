"""Reading JSON lines that anybody may have written: every mistake has a reason of one line."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import orjson

from selflengthen.errors import ConfigError
from selflengthen.files.regular_file import open_regular

T = TypeVar("T")

MAX_LINE_BYTES = 8 << 20
"""Over a million words; more is no row, and would take a multiple of it in memory."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


def numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield line numbers, from 1, and lines; of one that is too long only its beginning."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        yield number, line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES + 1)


def parse_object(line: bytes) -> dict[str, Any]:
    """Parse one line.

    Raises: ValueError: it is no JSON object, with the reason and the remedy.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES >> 20} MiB; cut it")
    if line.startswith(_GZIP):
        raise ValueError("gzip data; unpack it first")
    if line.startswith(_BYTE_ORDER_MARK):
        raise ValueError("begins with a byte order mark; save as UTF-8 without one")
    try:
        value = orjson.loads(line)
        # orjson is strict but takes the last of two equal keys.
        json.loads(line, object_pairs_hook=_refuse_duplicates)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}; write one object a line") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deep; write one object a line") from None
    if not isinstance(value, dict):
        raise ValueError("not an object; write one object a line")
    return value


def read_items(
    path: Path, make: Callable[[dict[str, Any]], T], complaint: str, remedy: str
) -> tuple[tuple[T, ...], str]:
    """Make something of every line of a file that is not empty.

    Args:
        make: Raises ValueError where an object is not what is needed, with the reason and remedy.
        complaint: Which key names a file that cannot be read, and the file.
        remedy: What to name instead.

    Returns: what was made, and the file's SHA-256.
    Raises: ConfigError: the file, the line and what is wrong with it.
    """
    try:
        with open_regular(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            lines = [(number, line) for number, line in numbered_lines(file) if line.strip()]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{complaint}: {reason}; {remedy}") from None
    return tuple(_made(path, number, line, make) for number, line in lines), digest


def _made(path: Path, number: int, line: bytes, make: Callable[[dict[str, Any]], T]) -> T:
    try:
        return make(parse_object(line))
    except ValueError as error:
        raise ConfigError(f"{path}:{number}: {error}") from None


def _refuse_duplicates(pairs: Iterable[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"key {key!r} is given twice; keep one")
        seen.add(key)
