"""The requests of a run, kept in a file, and asked again of an engine in any configuration.

Nothing is watched: every answer is written to its own end, so that all engines do the same work.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from filters.profile import Profile
from filters.rule import Circumstances
from filters.text.words import count_words
from synth.engine.base import Completion, Engine, FinishReason, Request
from synth.method.stages import STAGES, TRAINED_ROLES, Stage

_REQUEST = TypeAdapter(Request)
# Whose answers are judged as texts; the others are work that goes with them.
_TEXTS = (Stage.GENERATE, Stage.EXTEND_TAIL)


@dataclass(frozen=True, slots=True)
class Answers:
    """What an engine made of the requests."""

    seconds: float
    num_tokens: int
    """Generated."""
    accepted: dict[str, int]
    """Id of each text that the filter accepts, and its words."""
    num_texts: int
    num_words: int
    """Of all texts."""


def write_requests(path: Path, requests: Iterable[Request]) -> None:
    """Write requests, one JSON object a line."""
    path.write_bytes(b"".join(_REQUEST.dump_json(request) + b"\n" for request in requests))


def read_requests(path: Path, *, by_adapters: bool) -> list[Request]:
    """Read requests.

    Args:
        by_adapters: Whether the adapters answer that would in a later iteration.
    """
    requests = [_REQUEST.validate_json(line) for line in path.read_bytes().splitlines()]
    if not by_adapters:
        return requests
    return [replace(request, adapter=_adapter(request)) for request in requests]


def _adapter(request: Request) -> str | None:
    role = STAGES[Stage(request.kind)].role
    return role.value if role in TRAINED_ROLES else None


async def ask_again(engine: Engine, requests: Sequence[Request], profile: Profile) -> Answers:
    """Ask an engine everything at once, and judge the texts."""
    room = asyncio.Semaphore(engine.capacity)

    async def ask(request: Request) -> Completion:
        async with room:
            return await engine.generate(request)

    start = time.perf_counter()
    done = await asyncio.gather(*map(ask, requests))
    seconds = time.perf_counter() - start
    texts = {
        request.id: (request.prefill + completion.text, completion.finish_reason)
        for request, completion in zip(requests, done, strict=True)
        if request.kind in _TEXTS
    }
    words = {name: count_words(text) for name, (text, _) in texts.items()}
    return Answers(
        seconds,
        sum(completion.num_generated_tokens for completion in done),
        {name: words[name] for name, answer in texts.items() if _is_accepted(*answer, profile)},
        len(texts),
        sum(words.values()),
    )


def _is_accepted(text: str, finish_reason: FinishReason, profile: Profile) -> bool:
    if finish_reason not in (FinishReason.STOP, FinishReason.LENGTH):
        return False
    known = Circumstances(is_truncated=finish_reason == FinishReason.LENGTH)
    return profile.judge(profile.trim(text), known).keep
