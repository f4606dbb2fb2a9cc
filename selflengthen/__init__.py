"""Self-Lengthen: synthesize data that teaches a language model to write long, and train on it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selflengthen.api import (
        collect,
        evaluate,
        fit,
        judge,
        load_config,
        read_records,
        read_rows,
        synthesize,
    )

__all__ = [
    "collect",
    "evaluate",
    "fit",
    "judge",
    "load_config",
    "read_records",
    "read_rows",
    "synthesize",
]


def __getattr__(name: str) -> object:
    """Import the front door only for those who enter: the commands stand on this package too."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("selflengthen.api"), name)
