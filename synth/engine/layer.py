"""A layer in front of an engine: what it does not change, it passes on."""

from synth.engine.protocol import Engine, EngineLoad


class EngineLayer:
    """The base of engines that stand before another; they add their own `generate`."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner

    @property
    def num_seqs(self) -> int:
        """The inner engine's sequences."""
        return self._inner.num_seqs

    @property
    def capacity(self) -> int:
        """The inner engine's capacity."""
        return self._inner.capacity

    def load(self) -> EngineLoad:
        """The inner engine's load."""
        return self._inner.load()

    async def close(self) -> None:
        """Close the inner engine."""
        await self._inner.close()
