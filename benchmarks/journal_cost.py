"""What journalling costs of a run: the run's own completions, journalled once more and alone.

Two whole runs, one with a journal and one without, differ by less than a shared machine's noise.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from synth.engine.base import Completion
from synth.engine.journal import CohortJournal

Appended = list[tuple[str, Completion]]


@contextmanager
def recorded_appends() -> Iterator[tuple[Appended, Callable[[], int]]]:
    """Yield what is appended to journals while the block lasts, and a count of syncs to disk."""
    appended: Appended = []
    num_syncs = 0
    append, sync = CohortJournal.append, CohortJournal._sync

    async def note_and_append(
        journal: CohortJournal, request_id: str, completion: Completion
    ) -> None:
        appended.append((request_id, completion))
        await append(journal, request_id, completion)

    async def note_and_sync(journal: CohortJournal, running: "asyncio.Task[None] | None") -> None:
        nonlocal num_syncs
        num_syncs += 1
        await sync(journal, running)

    with (
        patch.object(CohortJournal, "append", note_and_append),
        patch.object(CohortJournal, "_sync", note_and_sync),
    ):
        yield appended, lambda: num_syncs


def journal_seconds(appended: Appended, num_syncs: int) -> float:
    """Return the CPU seconds, of all threads, for appending so much with so many syncs."""
    size = -(-len(appended) // num_syncs)
    groups = [appended[start : start + size] for start in range(0, len(appended), size)]

    async def append_all(journal: CohortJournal) -> None:
        for group in groups:
            await asyncio.gather(*(journal.append(*completion) for completion in group))

    with tempfile.TemporaryDirectory() as folder:
        journal = CohortJournal(Path(folder) / "journal.jsonl")
        began = time.process_time()
        asyncio.run(append_all(journal))
        seconds = time.process_time() - began
        journal.close()
    return seconds
