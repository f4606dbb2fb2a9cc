"""The model's tokenizer: requests to token ids."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from selflengthen.chat.encoding import ChatEncoder, ChatTemplateError
from selflengthen.chat.messages import Message, conversation
from selflengthen.chat.tokenizer import load_tokenizer
from selflengthen.errors import ConfigError, first_line
from synth.engine.base import Request
from synth.engine.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request as the model reads it."""

    ids: list[int]
    choices: dict[int, str] = field(default_factory=dict)
    """The token that each of the request's choices goes on with."""
    num_scored: int = 0
    """So many of the last ids are those whose log probability is asked for."""


class ChatTokenizer:
    """Encodes prompts for one model; safe to call from several threads."""

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - of transformers
        model: ModelConfig,
        today: date | None = None,
    ) -> None:
        """Take a tokenizer of transformers.

        Args:
            today: The day that a template which asks for the date is told; None: the real one.
        """
        self._encoder = ChatEncoder(tokenizer, model.chat_template_kwargs, today)
        self._model = model

    @classmethod
    def load(cls, model: ModelConfig, today: date | None = None) -> "ChatTokenizer":
        """Load the model's tokenizer and try its chat template.

        Raises: ConfigError: there is no tokenizer, or its chat template cannot be used.
        """
        tokenizer = load_tokenizer(model)
        chat = cls(tokenizer, model, today)
        chat.check_template()
        return chat

    def check_template(self) -> None:
        """Render a conversation of the shape that a run has, as a prompt, begun and answered.

        Raises: ConfigError: the template refuses it or cannot be used, with the remedy.
        """
        try:
            self._encoder.check(self._conversation(""), is_answered=True)
        except ChatTemplateError as error:
            if self._takes_only_user_turns():
                raise ConfigError(f"model.system_prompt: {error}; unset it") from None
            raise ConfigError(f"model.name: {self._model.name!r}: {error}") from None

    def encode(self, request: Request) -> Encoded:
        """Encode a request's conversation and the beginning of the answer.

        Raises: ChatTemplateError: the chat template refuses this text.
        """
        if request.choices:
            ids, next_ids = self._encoder.encode_choices(request.messages, request.choices)
            return Encoded(ids, dict(zip(next_ids, request.choices, strict=True)))
        if request.is_scored:
            ids, answer_ids = self._encoder.encode_parts(request.messages, request.prefill)
            return Encoded(ids + answer_ids, num_scored=len(answer_ids))
        if request.prefill:
            return Encoded(self._encoder.encode_beginning(request.messages, request.prefill))
        return Encoded(self._encoder.encode_prompt(request.messages))

    def check_choices(self, choices: Sequence[str]) -> None:
        """Check that the choices can be told apart by their first token.

        Raises: ConfigError: two begin with the same one.
        """
        try:
            self._encoder.encode_choices(self._conversation("Yes or no?"), choices)
        except ChatTemplateError as error:
            raise ConfigError(
                f"prompts: the judge's choices: {error}; change the wording of the prompt set"
            ) from None

    def _takes_only_user_turns(self) -> bool:
        try:
            self._encoder.check(conversation("", None), is_answered=True)
        except ChatTemplateError:
            return False
        return True

    def _conversation(self, user: str) -> tuple[Message, ...]:
        return conversation(user, self._model.system_prompt)


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


def log_probability_of(
    ids: Sequence[int], found: Sequence[Mapping[int, Any] | None], num_scored: int
) -> float:
    """Add up the log probabilities of the last ids of a prompt, in nats.

    Args:
        found: vLLM's, for every id: by token, with `logprob`.
    """
    pairs = zip(ids[-num_scored:], found[-num_scored:], strict=True)
    return math.fsum(by_token[token_id].logprob for token_id, by_token in pairs if by_token)


def probability_of(
    chosen: int, choices: Collection[int], log_probabilities: Mapping[int, float]
) -> float | None:
    """Return the probability of a token among those that it was chosen from.

    None where the engine left one of them out.
    """
    if not log_probabilities.keys() >= set(choices):
        return None
    odds = (math.exp(log_probabilities[one] - log_probabilities[chosen]) for one in choices)
    return round(1.0 / sum(odds), 6)
