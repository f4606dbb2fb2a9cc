"""Keeps what libraries print away from the terminal: it goes to a log file.

vLLM's core, its workers and native libraries write to the standard streams of their process, which
they inherit. While the redirect lasts, those streams are the log, and the caller alone has the
terminal.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_STDOUT, _STDERR = 1, 2


@contextmanager
def redirected_output(log: Path) -> Iterator[TextIO]:
    """Send the standard streams of this process and its children to `log`, appending.

    Yields: a stream to what standard output was.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {descriptor: os.dup(descriptor) for descriptor in (_STDOUT, _STDERR)}
    with log.open("ab") as file, os.fdopen(os.dup(_STDOUT), "w", encoding="utf-8") as terminal:
        for descriptor in saved:
            os.dup2(file.fileno(), descriptor)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in saved.items():
                os.dup2(original, descriptor)
                os.close(original)
