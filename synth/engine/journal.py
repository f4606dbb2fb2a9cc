"""The journal: every completion is on disk before anything depends on it.

One file per open cohort, opened by it. A run that was killed asks the same requests again, by the
same ids, and is answered from the journal; only what was in flight is repeated.
"""

import asyncio
import os
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import BinaryIO

import orjson

from selflengthen.errors import CorruptFileError
from selflengthen.files.atomic_file import naming
from synth.engine.base import Completion, Engine, EngineLayer, FinishReason, NewWatch, Request

_JOURNALLED = tuple(field.name for field in fields(Completion) if field.name != "is_replayed")


class CohortJournal:
    """The completions of one cohort: those of an earlier run, and an open file for new ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._replayed = _read(path)
        self._file: BinaryIO = path.open("ab")
        self.num_replayed = 0
        self._syncing: asyncio.Task[None] | None = None
        self._next_sync: asyncio.Task[None] | None = None

    def take(self, request_id: str) -> Completion | None:
        """Return the completion that an earlier run got for this request, once."""
        known = self._replayed.pop(request_id, None)
        self.num_replayed += known is not None
        return known

    def known(self, request_id: str) -> Completion | None:
        """Return the completion that `take` would."""
        return self._replayed.get(request_id)

    async def append(self, request_id: str, completion: Completion) -> None:
        """Write a completion and wait until it is on disk; one fsync serves all that wait."""
        with naming(self._path):
            self._file.write(orjson.dumps({"id": request_id, **_fields(completion)}) + b"\n")
        if self._next_sync is None:
            self._next_sync = asyncio.create_task(self._sync(self._syncing))
        await asyncio.shield(self._next_sync)

    def __enter__(self) -> "CohortJournal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write out and close; what finds no room is owed again, like what was in flight."""
        for sync in (self._syncing, self._next_sync):
            if sync is not None and not sync.done():
                sync.add_done_callback(_forget_outcome)
        with suppress(OSError):
            self._file.close()

    def discard(self) -> None:
        """Delete the journal: its cohort is complete."""
        self.close()
        self._path.unlink(missing_ok=True)

    async def _sync(self, running: "asyncio.Task[None] | None") -> None:
        """Wait for the running sync and one turn of the loop, then sync all that was written."""
        if running is not None:
            await running
        await asyncio.sleep(0)
        self._syncing, self._next_sync = self._next_sync, None
        with naming(self._path):
            self._file.flush()
            await asyncio.to_thread(os.fsync, self._file.fileno())


class JournallingEngine(EngineLayer):
    """An engine that remembers: known requests are answered from a cohort's journal."""

    def __init__(self, inner: Engine, journal: CohortJournal) -> None:
        super().__init__(inner)
        self._journal = journal

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Answer from the journal, or serve and journal."""
        known = self._journal.take(request.id)
        if known is not None:
            return replace(known, is_replayed=True)
        completion = await self._inner.generate(request, new_watch)
        await self._journal.append(request.id, completion)
        return completion


def _forget_outcome(sync: "asyncio.Task[None]") -> None:
    """Nobody waits for it any more: the file was closed under it."""
    if not sync.cancelled():
        sync.exception()


def _fields(completion: Completion) -> dict[str, object]:
    """Return what `dataclasses.asdict` does of what is journalled, without copying the text."""
    return {name: getattr(completion, name) for name in _JOURNALLED}


def _read(path: Path) -> dict[str, Completion]:
    """Read a journal; a torn last line is cut off, its request is owed again."""
    with suppress(FileNotFoundError):
        content = path.read_bytes()
        whole, newline, torn = content.rpartition(b"\n")
        if torn:
            os.truncate(path, len(whole) + len(newline))
        lines = enumerate(whole.split(b"\n"), start=1)
        return dict(_parse(line, f"{path}:{number}") for number, line in lines if line)
    return {}


def _parse(line: bytes, place: str) -> tuple[str, Completion]:
    try:
        row = orjson.loads(line)
        request_id = row.pop("id")
        return request_id, Completion(**row | {"finish_reason": FinishReason(row["finish_reason"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CorruptFileError(
            f"{place}: no completion; delete the line, its request is asked again"
        ) from None
