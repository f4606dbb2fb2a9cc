"""What can end a synthesis, beside a mistake in its input."""

from foundation.errors import CommandError


class EngineError(CommandError):
    """The engine cannot start or go on."""


class StepError(CommandError):
    """A step of a loop failed."""


def first_engine_error(errors: ExceptionGroup[EngineError]) -> EngineError:
    """Return one of the errors: a dead engine tells every request the same."""
    error = errors.exceptions[0]
    return error if isinstance(error, EngineError) else first_engine_error(error)
