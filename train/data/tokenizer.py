"""The base model's tokenizer, for training."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

from transformers import AutoConfig, GenerationConfig

from selflengthen.chat.encoding import ChatEncoder, ChatTemplateError
from selflengthen.chat.tokenizer import load_tokenizer as load_chat_tokenizer
from selflengthen.errors import ConfigError, first_line
from train.config import ModelConfig


@dataclass(frozen=True)
class TrainTokenizer:
    """A tokenizer, and what a training must know about it."""

    tokenizer: Any
    encoder: ChatEncoder
    end_of_turn_ids: frozenset[int]
    """Tokens that end generation."""
    template_sha256: str


def load_tokenizer(model: ModelConfig, today: date | None = None) -> TrainTokenizer:
    """Load the tokenizer of the base model and try its chat template.

    Args:
        today: The day that a template which asks for the date is told; None: the real one.

    Raises: ConfigError: there is none, or it has no chat template that can be used.
    """
    tokenizer = load_chat_tokenizer(model)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    encoder = ChatEncoder(tokenizer, model.chat_template_kwargs, today)
    try:
        encoder.check([{"role": "user", "content": ""}])
    except ChatTemplateError as error:
        raise ConfigError(f"model.name: {model.name!r}: {error}") from None
    template = str(tokenizer.chat_template).encode()
    return TrainTokenizer(
        tokenizer,
        encoder,
        _end_of_turn_ids(model, tokenizer),
        hashlib.sha256(template).hexdigest(),
    )


def _end_of_turn_ids(model: ModelConfig, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    """Return the tokens that end generation.

    Source: vLLM 0.32, `try_get_generation_config` in `transformers_utils/config.py`: the model's
    own configuration where there are no generation settings that can be read.
    """
    try:
        settings = GenerationConfig.from_pretrained(model.name, revision=model.revision)
    except OSError:
        settings = GenerationConfig.from_model_config(_model_config(model))
    more = settings.eos_token_id
    ids = set(more if isinstance(more, list) else [more])
    return frozenset(ids | {tokenizer.eos_token_id}) - {None}


def _model_config(model: ModelConfig) -> Any:  # noqa: ANN401 - of transformers
    try:
        return AutoConfig.from_pretrained(
            model.name, revision=model.revision, trust_remote_code=model.trust_remote_code
        )
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise ConfigError(
            f"model.name: cannot read the configuration of {model.name!r}: {reason}; give a Hub "
            "id or a model's folder"
        ) from None
