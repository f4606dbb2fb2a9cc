"""Opening files that a person names: what is no file is refused, not waited for."""

import os
import stat
from io import BufferedReader
from pathlib import Path

_MAX_TEXT_BYTES = 1 << 20


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading.

    Raises: OSError: it cannot be read, or is a folder, a pipe or a device.
    """
    # A pipe that nobody writes to would block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_text(path: Path) -> str:
    """Read a small text file.

    Raises: OSError: it cannot be read, is no file, or is too large.
    Raises: UnicodeDecodeError: it is not UTF-8.
    """
    with open_regular(path) as file:
        content = file.read(_MAX_TEXT_BYTES + 1)
    if len(content) > _MAX_TEXT_BYTES:
        raise OSError(None, f"larger than {_MAX_TEXT_BYTES >> 20} MiB", str(path))
    return content.decode()
