"""An output directory: one process at a time, one configuration for good."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from selflengthen.errors import DirectoryError
from selflengthen.files.atomic_file import write_json

_LOCK = ".lock"
# Parts of `config.json` that may change while a run goes on.
_FREE_KEYS = ("execution", "num_instructions")
_LOCK_ATTEMPTS = 5
_LOCK_PAUSE_S = 0.1


class OwnedDirectory:
    """A directory given with `--out`; `config.json` in it tells what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.folder / "config.json"

    @contextmanager
    def locked(self, lock: str = _LOCK) -> Iterator[None]:
        """Hold the directory for this process; the lock dies with it.

        Args:
            lock: Name of the lock file; one who only starts others that write has its own.

        Raises: DirectoryError: it cannot be written, or another process holds it.
        """
        path = self.folder / lock
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DirectoryError(
                f"--out {self.folder}: cannot write there: {error.strerror}; choose another"
            ) from None
        if not _lock(descriptor):
            os.close(descriptor)
            holder = path.read_text("utf-8").strip()
            raise DirectoryError(
                f"--out {self.folder}: {holder} is writing there; wait for it or choose another"
            )
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            yield
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Tell whether a process holds the directory."""
        try:
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def is_begun(self) -> bool:
        """Tell whether anything in the directory depends on its configuration."""
        return self.config.exists()

    def claim(self, resolved: dict[str, Any]) -> None:
        """Write the resolved configuration, or check that it is the one that stands there.

        What the results do not depend on may differ, and is written as it is now.

        Raises: DirectoryError: another configuration or other inputs, with the keys that differ.
        """
        self.check(resolved)
        earlier = self.read_config() if self.is_begun() else resolved
        current = earlier | {key: resolved[key] for key in _FREE_KEYS if key in resolved}
        if current != earlier or not self.is_begun():
            write_json(self.config, current)

    def check(self, resolved: dict[str, Any]) -> None:
        """Check that the configuration that stands there, if any, is this one.

        Raises: DirectoryError: another configuration or other inputs, with the keys that differ.
        """
        if self.is_begun():
            self._compare(self.read_config(), resolved)

    def read_config(self) -> dict[str, Any]:
        """Read the resolved configuration that stands there.

        Raises: DirectoryError: it is not as it was written.
        """
        try:
            earlier = orjson.loads(self.config.read_bytes())
        except orjson.JSONDecodeError as error:
            raise DirectoryError(f"{self.config}: not JSON: {error}; restore it") from None
        if not isinstance(earlier, dict):
            raise DirectoryError(f"{self.config}: not an object; restore it")
        return earlier

    def _compare(self, earlier: dict[str, Any], resolved: dict[str, Any]) -> None:
        # An earlier version kept all settings under `config`.
        known = {**earlier, "config": _without(earlier.get("config"), resolved.get("execution"))}
        differing = [
            f"{key} {old!r} -> {new!r}"
            for section in ("config", "inputs")
            for key, old, new in _differences(known.get(section), resolved.get(section), section)
        ]
        if differing:
            raise DirectoryError(
                f"--out {self.folder}: holds a run with another configuration: "
                f"{'; '.join(differing)[:500]}; use its configuration or another directory"
            )


def _lock(descriptor: int) -> bool:
    """Take the lock; one who only looks at it just now lets go at once."""
    for attempt in range(_LOCK_ATTEMPTS):
        time.sleep(_LOCK_PAUSE_S * min(attempt, 1))
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _without(tree: object, other: object) -> object:
    """Return a tree without the leaves that another one has too."""
    if not isinstance(tree, dict) or not isinstance(other, dict):
        return tree
    pruned = {key: _without(value, other.get(key)) for key, value in tree.items()}
    return {
        key: value
        for key, value in pruned.items()
        if key not in other or (isinstance(other[key], dict) and value)
    }


def _differences(old: object, new: object, key: str = "") -> Iterator[tuple[str, object, object]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            place = f"{key}.{name}" if key else name
            yield from _differences(old.get(name), new.get(name), place)
    # A list that an earlier version did not have yet was as good as empty.
    elif old != new and not (old is None and new == []):
        yield key, old, new
