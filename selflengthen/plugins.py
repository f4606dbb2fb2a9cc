"""A person's own code, named as `package.module:Name`.

It is looked for among installed packages and, behind all others, in the working directory: a module
there never takes the place of one of ours.
"""

import hashlib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selflengthen.errors import CommandError, ConfigError, PluginError, first_line
from selflengthen.settings import is_reference

T = TypeVar("T")


def resolve(key: str, reference: str) -> Any:  # noqa: ANN401 - anybody's
    """Return what a reference names.

    Args:
        key: Of the configuration, for the message.

    Raises: ConfigError: there is no such module or name, or its import fails.
    """
    if not is_reference(reference):
        raise ConfigError(f"{key}: {reference!r} is no reference; give package.module:Name")
    module_name, _, attribute = reference.partition(":")
    value: Any = _module(key, module_name)
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise ConfigError(f"{key}: {module_name} has no {attribute!r}; mend the reference")
        value = getattr(value, part)
    return value


def digests(references: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the SHA-256 of the source file of each reference, given with its key.

    Raises: ConfigError: one of them cannot be imported.
    """
    found = {}
    for key, reference in references:
        resolve(key, reference)
        source = inspect.getsourcefile(sys.modules[reference.partition(":")[0]])
        content = Path(source).read_bytes() if source else b""
        found[reference] = hashlib.sha256(content).hexdigest()
    return found


def _module(key: str, name: str) -> Any:  # noqa: ANN401 - a module
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever a person's module raises
        raise ConfigError(
            f"{key}: cannot import {name}: {type(error).__name__}: {first_line(error)}; it must be "
            "installed or lie in the working directory"
        ) from error


@contextmanager
def naming(reference: str) -> Iterator[None]:
    """Say in one line whose code failed, and where.

    Raises: PluginError: an exception of that code.
    """
    try:
        yield
    except CommandError:
        raise
    except Exception as error:  # whatever a person's code raises
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{last.filename}:{last.lineno}"
        raise PluginError(
            f"{reference}: {type(error).__name__}: {first_line(error)} ({place})"
        ) from error


def named(reference: str, function: Callable[[T], str | None]) -> Callable[[T], str | None]:
    """Return a function of a person's code whose failure is one line."""

    def call(value: T) -> str | None:
        with naming(reference):
            return function(value)

    return call
