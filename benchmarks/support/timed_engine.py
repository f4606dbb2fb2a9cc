"""A layer that writes down from when to when an engine was asked, and how much it wrote."""

import time
from pathlib import Path

import orjson

from synth.engine.base import Completion, Engine, EngineLayer, NewWatch, Request


class TimedEngine(EngineLayer):
    """Leaves first and last second (of the wall clock) and tokens in a file when it is closed."""

    def __init__(self, inner: Engine, path: Path) -> None:
        super().__init__(inner)
        self._path = path
        self._first_at = 0.0
        self._last_at = 0.0
        self._num_tokens = 0

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Serve, and look at the clock."""
        self._first_at = self._first_at or time.time()
        completion = await self._inner.generate(request, new_watch)
        self._last_at = time.time()
        self._num_tokens += completion.num_generated_tokens
        return completion

    async def close(self) -> None:
        """Write the figures down and close the engine."""
        figures = {"first": self._first_at, "last": self._last_at, "tokens": self._num_tokens}
        self._path.write_bytes(orjson.dumps(figures))
        await super().close()


def tokens_per_s(folder: Path) -> float:
    """Return the speed of all engines that left their figures in a folder, together."""
    found = [orjson.loads(path.read_bytes()) for path in folder.glob("*.timed.json")]
    began, ended = min(row["first"] for row in found), max(row["last"] for row in found)
    return float(sum(row["tokens"] for row in found) / (ended - began))
