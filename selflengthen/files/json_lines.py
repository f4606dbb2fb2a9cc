"""Reading JSON lines that anybody may have written: every mistake has a reason of one line."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import orjson

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


def _refuse_duplicates(pairs: Iterable[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"key {key!r} is given twice; keep one")
        seen.add(key)
