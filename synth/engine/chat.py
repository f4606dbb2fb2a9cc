"""The model's tokenizer, for prompts of one user turn."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from foundation.chat_encoding import ChatEncoder
from foundation.errors import ConfigError
from synth.config import ModelConfig


class ChatTokenizer:
    """Encodes prompts for one model; safe to call from several threads.

    Whether special tokens are split is a state of the tokenizer, not of the call: one at a time.
    """

    def __init__(self, tokenizer: Any, model: ModelConfig) -> None:  # noqa: ANN401 - of transformers
        self._encoder = ChatEncoder(tokenizer, model.chat_template_kwargs)
        self._in_use = threading.Lock()
        self._system_prompt = model.system_prompt

    @classmethod
    def load(cls, model: ModelConfig) -> "ChatTokenizer":
        """Load the model's tokenizer.

        Raises: ConfigError: there is no tokenizer, or it has no chat template.
        """
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                model.name, revision=model.revision, trust_remote_code=model.trust_remote_code
            )
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"model.name: cannot load a tokenizer from {model.name!r}: {first_line(error)}; "
                "give a Hub id or a folder, and model.trust_remote_code for one with its own code"
            ) from None
        if not tokenizer.chat_template:
            raise ConfigError(
                f"model.name: {model.name!r} has no chat template; use an instruct model"
            )
        return cls(tokenizer, model)

    def encode(self, user: str, prefill: str = "") -> list[int]:
        """Encode a user turn, the generation prompt and the beginning of the assistant's turn."""
        with self._in_use:
            prompt = self._encoder.encode_prompt(self._messages(user))
            return prompt + (self._encoder.encode_text(prefill) if prefill else [])

    def first_token(self, choice: str) -> int:
        """Return the token that an answer of this choice begins with."""
        with self._in_use:
            return self._encoder.encode_text(choice)[0]

    def check_choices(self, choices: Sequence[str]) -> None:
        """Check that the choices can be told apart by their first token.

        Raises: ConfigError: two begin with the same one.
        """
        if len({self.first_token(choice) for choice in choices}) < len(choices):
            raise ConfigError(
                f"prompts: the judge's answers {' and '.join(map(repr, choices))} begin with the "
                "same token of this model; change the wording of the prompt set"
            )

    def _messages(self, user: str) -> list[dict[str, str]]:
        turns = [("system", self._system_prompt)] if self._system_prompt is not None else []
        return [{"role": role, "content": str(text)} for role, text in [*turns, ("user", user)]]


def check_model_length(model: ModelConfig, max_model_len: int) -> None:
    """Check that the model exists and can serve texts of `max_model_len` tokens.

    Raises: ConfigError: it is no model, or its positions end earlier.
    """
    is_local = Path(model.name).exists() or model.name.startswith((".", "/"))
    if is_local and not (Path(model.name) / "config.json").is_file():
        raise ConfigError(
            f"model.name: {model.name!r} is no model folder (no config.json in it); "
            "run `make setup` for the embedded model"
        )
    try:
        config = AutoConfig.from_pretrained(
            model.name, revision=model.revision, trust_remote_code=model.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"model.name: {model.name!r} is neither a model folder nor to be had from the Hub: "
            f"{first_line(error)}"
        ) from None
    longest = getattr(config.get_text_config(), "max_position_embeddings", None)
    if longest is not None and max_model_len > longest:
        raise ConfigError(
            f"engine.max_model_len: {max_model_len} exceeds the model's {longest} positions; "
            f"set at most {longest}"
        )


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
