"""The journal: nothing that was answered is asked again."""

import asyncio
import time

import pytest

from scripted_engine import Answer, ScriptedEngine, request
from synth.engine.base import Completion, FinishReason
from synth.engine.journal import CohortJournal, JournallingEngine


def serve(path, numbers):
    engine = ScriptedEngine(lambda asked: Answer(f"answer to {asked.id}\n\u2028✓"))

    async def ask():
        with CohortJournal(path) as journal:
            journalling = JournallingEngine(engine, journal)
            return await asyncio.gather(*(journalling.generate(request(n)) for n in numbers))

    return asyncio.run(ask()), engine


def test_known_requests_are_answered_from_the_journal(tmp_path):
    path = tmp_path / "journal.jsonl"
    first, _ = serve(path, range(5))
    second, engine = serve(path, range(8))
    assert second[:5] == first
    assert [asked.id for asked in engine.requests] == [f"request-{n}" for n in (5, 6, 7)]


@pytest.mark.parametrize("num_bytes", [1, 10, 60])
def test_a_torn_last_line_is_owed_again(tmp_path, num_bytes):
    path = tmp_path / "journal.jsonl"
    first, _ = serve(path, range(3))
    path.write_bytes(path.read_bytes()[:-num_bytes])
    second, engine = serve(path, range(3))
    assert second == first
    assert len(engine.requests) == 1
    third, engine = serve(path, range(3))
    assert (third, engine.requests) == (first, [])


def test_an_append_waits_for_its_own_sync_only(tmp_path, monkeypatch):
    monkeypatch.setattr("synth.engine.journal.os.fsync", lambda _: time.sleep(0.02))
    num_done_when_first_returned = []

    async def append_steadily():
        journal = CohortJournal(tmp_path / "journal.jsonl")
        completion = Completion("text", FinishReason.STOP, 1, 0, 1)
        done = []

        async def append(number):
            await journal.append(f"request-{number}", completion)
            done.append(number)

        tasks = []
        for number in range(60):
            tasks.append(asyncio.create_task(append(number)))
            await asyncio.sleep(0.005)
            if done and not num_done_when_first_returned:
                num_done_when_first_returned.append(number)
        await asyncio.gather(*tasks)
        assert sorted(done) == list(range(60))

    asyncio.run(append_steadily())
    assert num_done_when_first_returned[0] < 50


def test_a_complete_cohort_leaves_no_journal(tmp_path):
    path = tmp_path / "journal.jsonl"

    async def complete():
        with CohortJournal(path) as journal:
            engine = JournallingEngine(ScriptedEngine(lambda _: Answer("text")), journal)
            await engine.generate(request(0))
            journal.discard()

    asyncio.run(complete())
    assert not path.exists()
