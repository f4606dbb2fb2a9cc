"""Requests that an engine refuses: outcomes, not exceptions."""

from foundation.chat_encoding import ChatTemplateError
from synth.engine.protocol import Completion, FinishReason


def failed(detail: str) -> Completion:
    """Return the completion of a request that was not served; the reason comes before a colon."""
    return Completion("", FinishReason.ERROR, 0, 0, 0, detail)


def too_long(num_prompt_tokens: int, max_model_len: int) -> Completion:
    """Return the completion of a prompt that leaves no room for an answer."""
    return failed(f"prompt_too_long: {num_prompt_tokens} tokens, max_model_len {max_model_len}")


def template_refused(error: ChatTemplateError) -> Completion:
    """Return the completion of a request whose text the chat template refuses."""
    return failed(f"template_refused: {error}")


def poisoned() -> Completion:
    """Return the completion of a request that is set aside, for it may have killed two engines."""
    return failed("poison: in flight at two deaths of the engine")
