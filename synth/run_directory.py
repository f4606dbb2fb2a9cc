"""The run directory: where everything lies, whose it is, and what is complete in it."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synth.atomic_file import write_json
from synth.errors import RunDirectoryError

JsonRow = dict[str, Any]
_LOCK_ATTEMPTS = 5
_LOCK_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class IterationFiles:
    """The files of one macro-iteration."""

    folder: Path

    @property
    def manifest(self) -> Path:
        """Written last: its presence means complete."""
        return self.folder / "manifest.json"

    @property
    def metrics(self) -> Path:
        """Ledger, rates and percentiles; during the run a snapshot."""
        return self.folder / "metrics.json"

    @property
    def engine_log(self) -> Path:
        """What vLLM and other libraries print."""
        return self.folder / "engine.log"

    def records(self, cohort: int) -> Path:
        """Accepted samples of a cohort."""
        return self.folder / "records" / f"cohort-{cohort:05d}.jsonl"

    def rejects(self, cohort: int) -> Path:
        """Dropped texts of a cohort."""
        return self.folder / "rejects" / f"cohort-{cohort:05d}.jsonl"

    def journal(self, cohort: int) -> Path:
        """Completions of a cohort that is still open."""
        return self.folder / "journal" / f"cohort-{cohort:05d}.jsonl"

    def receipt(self, cohort: int) -> Path:
        """A cohort's counts, written after its records and rejects: the cohort is complete."""
        return self.folder / "journal" / f"cohort-{cohort:05d}.complete.json"

    def shard(self, role: str, number: int) -> Path:
        """Training rows of a role."""
        return self.folder / "shards" / f"{role}-{number:05d}.jsonl"

    def adapter(self, role: str) -> Path:
        """The adapter that is trained on this iteration's shards."""
        return self.folder / "adapters" / role

    def read_records(self) -> Iterator[JsonRow]:
        """Yield all records, in cohort order."""
        for path in sorted((self.folder / "records").glob("cohort-*.jsonl")):
            with path.open("rb") as file:
                yield from map(orjson.loads, file)


class RunDirectory:
    """One run: a configuration and its macro-iterations."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.folder / "config.json"

    def iteration(self, number: int) -> IterationFiles:
        """Return the files of a macro-iteration."""
        return IterationFiles(self.folder / f"iteration-{number}")

    def iterations(self) -> list[int]:
        """Return the numbers of the macro-iterations that were begun."""
        names = [path.name.removeprefix("iteration-") for path in self.folder.glob("iteration-*")]
        return sorted(int(name) for name in names if name.isdecimal())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process; the lock dies with it.

        Raises: RunDirectoryError: it cannot be written, or another process holds it.
        """
        path = self.folder / ".lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunDirectoryError(
                f"--out {self.folder}: cannot write there: {error.strerror}; choose another"
            ) from None
        if not _lock(descriptor):
            os.close(descriptor)
            holder = path.read_text("utf-8").strip()
            raise RunDirectoryError(
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
            descriptor = os.open(self.folder / ".lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def claim(self, resolved: JsonRow) -> None:
        """Write the resolved configuration, or check that it is the one this run began with.

        Raises: RunDirectoryError: another configuration, with the keys that differ.
        """
        if not self.config.exists():
            write_json(self.config, resolved)
            return
        try:
            earlier = orjson.loads(self.config.read_bytes())
        except orjson.JSONDecodeError as error:
            raise RunDirectoryError(f"{self.config}: not JSON: {error}; restore it") from None
        if not isinstance(earlier, dict):
            raise RunDirectoryError(f"{self.config}: not an object; restore it")
        differing = [
            f"{key} {old!r} -> {new!r}"
            for key, old, new in _differences(earlier, resolved)
            if key.split(".")[0] in ("config", "inputs")
        ]
        if differing:
            raise RunDirectoryError(
                f"--out {self.folder}: holds a run with another configuration: "
                f"{'; '.join(differing)[:500]}; use its configuration or another directory"
            )


def _lock(descriptor: int) -> bool:
    """Take the lock; a `synth status` that looks at it just now lets go at once."""
    for attempt in range(_LOCK_ATTEMPTS):
        time.sleep(_LOCK_PAUSE_S * min(attempt, 1))
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _differences(old: object, new: object, key: str = "") -> Iterator[tuple[str, object, object]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            place = f"{key}.{name}" if key else name
            yield from _differences(old.get(name), new.get(name), place)
    elif old != new:
        yield key, old, new
