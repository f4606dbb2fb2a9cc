"""The base model's tokenizer, for training."""

import hashlib
from dataclasses import dataclass
from typing import Any

from transformers import AutoTokenizer, GenerationConfig

from foundation.chat_encoding import ChatEncoder
from foundation.errors import ConfigError
from train.config import ModelConfig


@dataclass(frozen=True)
class TrainTokenizer:
    """A tokenizer, and what a training must know about it."""

    tokenizer: Any
    encoder: ChatEncoder
    end_of_turn_ids: frozenset[int]
    """Tokens that end generation."""
    template_sha256: str


def load_tokenizer(model: ModelConfig) -> TrainTokenizer:
    """Load the tokenizer of the base model.

    Raises: ConfigError: there is none, or it has no chat template.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            model.name, revision=model.revision, trust_remote_code=model.trust_remote_code
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(
            f"model.name: cannot load a tokenizer from {model.name!r}: {reason}; give a Hub id "
            "or a folder, and model.trust_remote_code for one with code of its own"
        ) from None
    if not tokenizer.chat_template:
        raise ConfigError(f"model.name: {model.name!r} has no chat template; use an instruct model")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    template = str(tokenizer.chat_template).encode()
    return TrainTokenizer(
        tokenizer,
        ChatEncoder(tokenizer, model.chat_template_kwargs),
        _end_of_turn_ids(model, tokenizer),
        hashlib.sha256(template).hexdigest(),
    )


def _end_of_turn_ids(model: ModelConfig, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    ids = {tokenizer.eos_token_id}
    try:
        generation = GenerationConfig.from_pretrained(model.name, revision=model.revision)
    except OSError:
        return frozenset(ids)
    more = generation.eos_token_id
    return frozenset(ids | set(more if isinstance(more, list) else [more])) - {None}
