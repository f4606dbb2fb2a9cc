"""Conversations to token ids, through the tokenizer's own chat template.

Text of users and models stays text: a special token spelled out in it is encoded as characters,
never as the control token.
"""

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from foundation.errors import ConfigError
from synth.config import ModelConfig


class ChatTokenizer:
    """Encodes prompts for one model; safe to call from several threads.

    Whether special tokens are split is a state of the tokenizer, not of the call: one at a time.
    """

    def __init__(self, tokenizer: Any, model: ModelConfig) -> None:  # noqa: ANN401 - of transformers
        self._tokenizer = tokenizer
        self._in_use = threading.Lock()
        self._system_prompt = model.system_prompt
        self._template_kwargs = model.chat_template_kwargs
        special = sorted(_special_tokens(tokenizer), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, special)) or r"(?!)")

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
                f"model.name: cannot load a tokenizer from {model.name!r}: {first_line(error)}"
            ) from None
        if not tokenizer.chat_template:
            raise ConfigError(
                f"model.name: {model.name!r} has no chat template; use an instruct model"
            )
        return cls(tokenizer, model)

    def encode(self, user: str, prefill: str = "") -> list[int]:
        """Encode a user turn, the generation prompt and the beginning of the assistant's turn."""
        with self._in_use:
            return self._encode_turns(user) + (self._encode_text(prefill) if prefill else [])

    def _encode_text(self, text: str) -> list[int]:
        """Encode bare text; special tokens in it stay text."""
        ids: list[int] = self._tokenizer.encode(
            text, add_special_tokens=False, split_special_tokens=True
        )
        return ids

    def first_token(self, choice: str) -> int:
        """Return the token that an answer of this choice begins with."""
        with self._in_use:
            return self._encode_text(choice)[0]

    def check_choices(self, choices: Sequence[str]) -> None:
        """Check that the choices can be told apart by their first token.

        Raises: ConfigError: two begin with the same one.
        """
        if len({self.first_token(choice) for choice in choices}) < len(choices):
            raise ConfigError(
                f"prompts: the judge's answers {' and '.join(map(repr, choices))} begin with the "
                "same token of this model; change the wording of the prompt set"
            )

    def _encode_turns(self, user: str) -> list[int]:
        if not self._special.search(user):
            ids: list[int] = self._tokenizer.apply_chat_template(
                self._messages(user),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=False,
                **self._template_kwargs,
            )
            return ids
        frame = self._tokenizer.apply_chat_template(
            self._messages(_PLACE),
            add_generation_prompt=True,
            tokenize=False,
            **self._template_kwargs,
        )
        before, _, after = frame.partition(_PLACE)
        return self._encode_frame(before) + self._encode_text(user) + self._encode_frame(after)

    def _encode_frame(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _messages(self, user: str) -> list[dict[str, str]]:
        turns = [("system", self._system_prompt)] if self._system_prompt is not None else []
        return [{"role": role, "content": str(text)} for role, text in [*turns, ("user", user)]]


def _special_tokens(tokenizer: Any) -> set[str]:  # noqa: ANN401 - of transformers
    added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    return added | set(tokenizer.all_special_tokens)


# Stands for the user's text while the frame around it is rendered.
_PLACE = "\ue000user-text\ue000"


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
