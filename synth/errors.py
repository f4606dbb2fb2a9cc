"""What can end a synthesis, beside a mistake in its input."""

from foundation.errors import CommandError


class EngineError(CommandError):
    """The engine cannot start or go on."""


class StepError(CommandError):
    """A step of a loop failed."""


def first_error(errors: ExceptionGroup[Exception]) -> Exception:
    """Return one of the errors: a dead engine, or a full disk, tells every request the same."""
    error = errors.exceptions[0]
    return first_error(error) if isinstance(error, ExceptionGroup) else error
