"""What can end a synthesis, beside a mistake in its input."""

from foundation.errors import CommandError


class EngineError(CommandError):
    """The engine cannot start or go on."""
