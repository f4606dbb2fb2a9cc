"""What can end a synthesis, beside a mistake in its input."""

from foundation.errors import CommandError


class EngineError(CommandError):
    """The engine cannot start or go on."""


class TurnedAwayError(EngineError):
    """A request that an engine did not take: nothing of it was done."""


class ClosedEngineError(TurnedAwayError):
    """The engine was closed before the request was sent."""


class BusyEngineError(TurnedAwayError):
    """The engine asks to be left alone for a while."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        """Take the time that it asks for, in seconds; None: it names none."""
        super().__init__(message)
        self.wait_s = wait_s


class BreakerError(CommandError):
    """Next to nothing of what a stage writes is accepted."""


class StepError(CommandError):
    """A step of a loop failed."""


def first_error(errors: ExceptionGroup[Exception]) -> Exception:
    """Return one of the errors: a dead engine, or a full disk, tells every request the same."""
    error = errors.exceptions[0]
    return first_error(error) if isinstance(error, ExceptionGroup) else error
