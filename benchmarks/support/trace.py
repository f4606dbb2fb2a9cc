"""A trace: every request of a run with what it cost, in one JSON object a line."""

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from synth.engine.base import Completion, Engine, EngineLayer, NewWatch, Request


@dataclass(frozen=True, slots=True)
class Served:
    """One request that an engine served."""

    id: str
    stage: str
    adapter: str | None
    prompt_ids: tuple[int, ...]
    num_generated_tokens: int
    seconds: float
    """From admission to the last token."""


class TracingEngine(EngineLayer):
    """An engine that writes down what goes through it."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner)
        self.served: list[tuple[Request, Completion, float]] = []

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Serve and write down."""
        clock = asyncio.get_running_loop().time
        began = clock()
        completion = await self._inner.generate(request, new_watch)
        self.served.append((request, completion, clock() - began))
        return completion


def write_trace(path: Path, served: list[Served]) -> None:
    """Write a trace."""
    path.write_bytes(b"".join(orjson.dumps(asdict(row)) + b"\n" for row in served))


def read_trace(path: Path) -> list[Served]:
    """Read a trace."""
    return [Served(**orjson.loads(line)) for line in path.read_bytes().splitlines()]
