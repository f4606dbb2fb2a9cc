"""Finds in vLLM's log why it does not start: its exceptions only say that it did not."""

import re
from pathlib import Path

_ERROR_LINE = re.compile(r"(?:^|\s)([\w.]*(?:Error|Exception): .+)$")
# Said by the process that waits for the one that failed.
_CONSEQUENCE = re.compile(r"initialization failed|Failed core proc|died unexpectedly")
_MAX_CHARS = 300


def root_cause(log: Path, start: int) -> str | None:
    """Return the last error line from byte `start` on that is no mere consequence of another."""
    for line in reversed(log.read_bytes()[start:].decode("utf-8", "replace").splitlines()):
        match = _ERROR_LINE.search(line)
        if match and not _CONSEQUENCE.search(line):
            return match[1][:_MAX_CHARS]
    return None
