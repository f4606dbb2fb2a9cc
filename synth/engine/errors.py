"""What ends an engine's work, and what it refuses: an exception there, an outcome here."""

from selflengthen.errors import CommandError
from synth.engine.base import Completion, FinishReason


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


def failed(detail: str) -> Completion:
    """Return the completion of a request that was not served; the reason comes before a colon."""
    return Completion("", FinishReason.ERROR, 0, 0, 0, detail)


def too_long(num_prompt_tokens: int, max_model_len: int) -> Completion:
    """Return the completion of a prompt that leaves no room for an answer."""
    return failed(f"prompt_too_long: {num_prompt_tokens} tokens, max_model_len {max_model_len}")


def template_refused(error: Exception) -> Completion:
    """Return the completion of a request whose text the chat template refuses."""
    return failed(f"template_refused: {error}")


def poisoned() -> Completion:
    """Return the completion of a request that is set aside, for it may have killed two engines."""
    return failed("poison: in flight at two deaths of the engine")
