"""The variables of this process, which commands and processes that tests start inherit."""

import os
from contextlib import contextmanager


@contextmanager
def kept_environment():
    """Leave no variables that the block sets."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
