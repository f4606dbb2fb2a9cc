"""Conversations to token ids, through the tokenizer's own chat template.

Text of users and models stays text: a special token spelled out in it is encoded as characters,
never as the control token. Serving and training both encode with this, so that a prompt has the
same ids in both.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from foundation.errors import ConfigError

Message = Mapping[str, str]

# Stands for a message's text while the frame around it is rendered.
_PLACE = "\ue000{}\ue000"
_ANSWER = _PLACE.format("answer")


class ChatEncoder:
    """Encodes conversations for one tokenizer.

    Whether special tokens are split is a state of a fast tokenizer, not of the call: not to be used
    by several threads at once.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - of transformers
        template_kwargs: Mapping[str, Any],
    ) -> None:
        self._tokenizer = tokenizer
        self._template_kwargs = dict(template_kwargs)
        special = sorted(_special_tokens(tokenizer), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, special)) or r"(?!)")

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        """Encode messages and the beginning of the assistant's turn."""
        if not any(self._special.search(message["content"]) for message in messages):
            ids: list[int] = self._tokenizer.apply_chat_template(
                list(messages),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=False,
                **self._template_kwargs,
            )
            return ids
        places = [
            {**message, "content": _PLACE.format(number)} for number, message in enumerate(messages)
        ]
        frame = self._render(places, add_generation_prompt=True)
        pieces = re.split(_PLACE.format(r"(\d+)"), frame)
        return [
            token
            for index, piece in enumerate(pieces)
            for token in (
                self.encode_text(messages[int(piece)]["content"])
                if index % 2
                else self._encode_frame(piece)
            )
        ]

    def encode_text(self, text: str) -> list[int]:
        """Encode bare text; special tokens in it stay text."""
        ids: list[int] = self._tokenizer.encode(
            text, add_special_tokens=False, split_special_tokens=True
        )
        return ids

    def encode_answer(self, messages: Sequence[Message], answer: str) -> tuple[list[int], int]:
        """Encode what follows the prompt: the answer and the end of the assistant's turn.

        Returns: its ids, and how many of the last ones are the template's end of turn.
        Raises: ConfigError: the template renders a prompt differently when an answer follows.
        """
        prompt = self._render(messages, add_generation_prompt=True)
        turn = {"role": "assistant", "content": _ANSWER}
        whole = self._render([*messages, turn], add_generation_prompt=False)
        opening, place, end = whole[len(prompt) :].rpartition(_ANSWER)
        if not whole.startswith(prompt) or not place:
            raise ConfigError(
                "the chat template renders a prompt differently when an answer follows it, so what "
                "is trained would not be what is served; set model.chat_template_kwargs (e.g. "
                "enable_thinking: false) or use another model"
            )
        end_ids = self._encode_frame(end)
        ids = [*self._encode_frame(opening), *self.encode_text(answer), *end_ids]
        return ids, len(end_ids)

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        text: str = self._tokenizer.apply_chat_template(
            list(messages),
            add_generation_prompt=add_generation_prompt,
            tokenize=False,
            **self._template_kwargs,
        )
        return text

    def _encode_frame(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids


def _special_tokens(tokenizer: Any) -> set[str]:  # noqa: ANN401 - of transformers
    added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    return added | set(tokenizer.all_special_tokens)
