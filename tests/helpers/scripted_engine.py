"""An engine whose answers are a function of the request: fast, out of order, faulty on demand."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from selflengthen.chat.messages import conversation
from synth.engine.base import (
    Completion,
    Decoding,
    EngineLoad,
    FinishReason,
    NewWatch,
    Request,
    WatchCall,
)
from synth.engine.errors import EngineError
from synth.method.stages import Stage

_CHARS_PER_DELTA = 64


def request(number: int, stage: Stage = Stage.GENERATE, **fields: Any) -> Request:
    values = {
        "id": f"request-{number}",
        "messages": conversation(fields.pop("user", ""), None),
        "decoding": Decoding(max_completion_tokens=1),
        "kind": stage,
        "priority": stage.priority,
        "affinity": number,
    }
    return Request(**values | fields)


def cohort_of(request: Request) -> int:
    """Read the cohort from the id of a sample's request."""
    return int(request.id.split("-")[1])


@dataclass(frozen=True)
class Answer:
    text: str
    finish_reason: FinishReason = FinishReason.STOP


class ScriptedEngine:
    """Streams `answer(request)` in pieces; the order in which requests end is shuffled."""

    def __init__(
        self,
        answer: Callable[[Request], Answer],
        *,
        concurrency: int = 16,
        shuffle_seed: int = 0,
        dies_after: int | None = None,
    ) -> None:
        self._answer = answer
        self._concurrency = concurrency
        self._rng = random.Random(shuffle_seed)
        self._dies_after = dies_after
        self.requests: list[Request] = []
        self.num_live = 0
        self.most_live = 0

    @property
    def num_seqs(self) -> int:
        return self._concurrency

    @property
    def capacity(self) -> int:
        return self._concurrency

    def load(self) -> EngineLoad:
        return EngineLoad(num_running=self.num_live)

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        self.requests.append(request)
        if self._dies_after is not None and len(self.requests) > self._dies_after:
            raise EngineError("scripted death")
        self.num_live += 1
        self.most_live = max(self.most_live, self.num_live)
        try:
            return await self._stream(request, new_watch() if new_watch else None)
        finally:
            self.num_live -= 1

    async def close(self) -> None:
        pass

    async def _stream(self, request: Request, watch: WatchCall | None) -> Completion:
        answer = self._answer(request)
        if answer.finish_reason is FinishReason.ERROR:
            return Completion("", FinishReason.ERROR, 1, 0, 0, "engine_error: scripted")
        written = ""
        for start in range(0, len(answer.text), _CHARS_PER_DELTA):
            for _ in range(self._rng.randrange(4)):
                await asyncio.sleep(0)
            delta = answer.text[start : start + _CHARS_PER_DELTA]
            written += delta
            is_last = start + _CHARS_PER_DELTA >= len(answer.text)
            if watch and not is_last and (reason := watch(delta)):
                return _completion(request, written, FinishReason.ABORT, reason)
        return _completion(request, written, answer.finish_reason)


def _completion(
    request: Request, text: str, finish_reason: FinishReason, detail: str | None = None
) -> Completion:
    num_prompt_tokens = len((request.user + request.prefill).split())
    return Completion(text, finish_reason, num_prompt_tokens, 0, len(text.split()), detail)
