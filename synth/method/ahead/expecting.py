"""What a sample says of its tries, to one who may make them before their turn."""

from collections.abc import Awaitable, Callable

from synth.engine.base import Engine

Rehearse = Callable[[int, Engine], Awaitable[bool]]
"""Rehearses the try of a number, and tells whether it passes."""


class Ahead:
    """What a sample says of its tries; here nobody listens."""

    is_listening = False

    def expect(
        self, sample_id: str, num_tries: int, rehearse: Rehearse, likelihood: float = 1.0
    ) -> None:
        """Say that a sample will probably be needed, or how probably now."""

    def begin(self, sample_id: str, number: int) -> None:
        """Say that it is a try's turn, for those before it failed."""

    def drop(self, sample_id: str) -> None:
        """Say that no more of a sample is needed."""
