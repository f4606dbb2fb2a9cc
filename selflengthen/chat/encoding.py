"""Conversations to token ids, through the tokenizer's own chat template.

Serving and training both encode with this, so that a prompt has the same ids in both: those of the
whole conversation as the template renders it. Text of users and models stays text: a special token
spelled out in it is encoded as characters, never as the control token.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import takewhile
from typing import Any

from jinja2 import TemplateError

from selflengthen.chat.marked_tokenizer import MarkedTokenizer
from selflengthen.chat.messages import Message
from selflengthen.errors import ConfigError, first_line

# Stands for an answer while the frame around it is rendered.
_ANSWER = "\ue000answer\ue001"
# What the code of a template can raise, beside what it means to.
_TEMPLATE_ERRORS = (
    TemplateError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
# Signs that a careless template escapes or quotes.
_PROBE = 'A "probe" of <b>text</b> & more\nin two lines: {}.'
_THOUGHT = re.compile(r"<(?:\w+:)?think(?:ing)?>")
_OPENS_THOUGHT = re.compile(r"<((?:\w+:)?think(?:ing)?)>(?!.*</\1>)", re.DOTALL)
_NAMED_ROLES = 4


class ChatTemplateError(ConfigError):
    """A conversation that the chat template refuses, or renders so that it cannot be used."""


class ChatEncoder:
    """Encodes conversations for one tokenizer; safe to use from several threads."""

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - of transformers
        template_kwargs: Mapping[str, Any],
        today: date | None = None,
    ) -> None:
        """Take a tokenizer and what its template is told.

        Args:
            today: The day that a template which asks for the date is told; None: the real one.
        """
        self._tokenizer = tokenizer
        self._marked = MarkedTokenizer(tokenizer)
        clock = {} if today is None else {"strftime_now": today.strftime}
        self._template_kwargs = {**clock, **template_kwargs}

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        """Encode messages and what opens the assistant's turn.

        Raises: ChatTemplateError: the template refuses them.
        """
        return self._marked.encode(self._render_prompt(self._hide(messages)))

    def encode_beginning(self, messages: Sequence[Message], beginning: str) -> list[int]:
        """Encode messages and the beginning of the assistant's answer.

        Raises: ChatTemplateError: the template refuses them, or renders a prompt differently when
            an answer follows.
        """
        prompt_ids, answer_ids = self.encode_parts(messages, beginning)
        return prompt_ids + answer_ids

    def encode_parts(
        self, messages: Sequence[Message], beginning: str
    ) -> tuple[list[int], list[int]]:
        """Encode messages and the beginning of the answer, as `encode_beginning`, apart.

        Raises: ChatTemplateError: as there.
        """
        hidden = self._hide(messages)
        prompt = self._render_prompt(hidden)
        opening, _ = self._frame_of_answer(hidden, prompt)
        return self._marked.encode_parts(prompt, opening + self._marked.hide(beginning))

    def encode_choices(
        self, messages: Sequence[Message], choices: Sequence[str]
    ) -> tuple[list[int], list[int]]:
        """Encode a prompt whose answer is one of several.

        Returns: the ids up to where the choices part, and the id that each goes on with.
        Raises: ChatTemplateError: one choice is the beginning of another.
        """
        answers = [self.encode_beginning(messages, choice) for choice in choices]
        columns = zip(*answers, strict=False)
        num_common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
        next_ids = [ids[num_common] for ids in answers if len(ids) > num_common]
        if len(set(next_ids)) < len(choices):
            raise ChatTemplateError(
                f"the answers {' and '.join(map(repr, choices))} begin with the same token"
            )
        return answers[0][:num_common], next_ids

    def encode_answer(self, messages: Sequence[Message], answer: str) -> tuple[list[int], int]:
        """Encode what follows the prompt: the answer and the end of the assistant's turn.

        Returns: its ids, and how many of the last ones are the template's end of turn.
        Raises: ChatTemplateError: the template refuses the conversation, renders a prompt
            differently when this answer follows, or leaves a part of the answer out.
        """
        hidden, hidden_answer = self._hide(messages), self._marked.hide(answer)
        prompt = self._render_prompt(hidden)
        whole = self._render_answered(hidden, hidden_answer)
        if not whole.startswith(prompt):
            raise _differs("this answer")
        _, end = self._frame_of_answer(hidden, prompt)
        if not _bare(whole.removesuffix(end)).endswith(_bare(hidden_answer)):
            raise ChatTemplateError(
                "the chat template leaves a part of the answer out (a thinking trace?); take it "
                "out of the completion, or use another chat template"
            )
        self._check_thoughts(hidden, prompt, whole, hidden_answer)
        _, answer_ids = self._marked.encode_parts(prompt, whole.removeprefix(prompt))
        return answer_ids, len(self._marked.encode(end))

    def check(self, messages: Sequence[Message], *, is_answered: bool = False) -> None:
        """Render a conversation of this shape, without and with an answer.

        Args:
            is_answered: The model's answers are used as they are, so that no thinking trace may
                come before them.

        Raises: ChatTemplateError: the template refuses it, or cannot be used, and why.
        """
        probes = [{**message, "content": _PROBE.format(n)} for n, message in enumerate(messages)]
        prompt = self._render_prompt(probes)
        if not all(probe["content"] in prompt for probe in probes):
            raise ChatTemplateError(
                "the chat template does not render the text of messages as it is; use another one"
            )
        if is_answered and (thought := _OPENS_THOUGHT.search(prompt)):
            raise ChatTemplateError(
                f"the chat template opens {thought[0]} in front of every answer, so texts would "
                f"begin with a thinking trace; {self._remedy_for_thoughts(probes)}"
            )
        self._check_opening(probes, prompt)
        self.encode_answer(probes, _PROBE.format("answer"))

    def _check_opening(self, messages: Sequence[Message], prompt: str) -> None:
        """Check that a prompt ends with what opens the assistant's turn."""
        opening, _ = self._frame_of_answer(messages, prompt)
        without = self._render(messages, add_generation_prompt=False)
        if prompt == without and self._marked.hide(opening) != opening:
            raise ChatTemplateError(
                "the chat template ignores add_generation_prompt: the model would have to write "
                f"{opening!r} itself; use another chat template"
            )

    def _check_thoughts(
        self, messages: Sequence[Message], prompt: str, whole: str, answer: str
    ) -> None:
        """Check that an answer's own thinking block is the only one of its turn."""
        num_own = len(_THOUGHT.findall(answer))
        if not num_own:
            return
        before = self._render(messages, add_generation_prompt=False)
        turn = whole.removeprefix(before if prompt.startswith(before) else prompt)
        if len(_THOUGHT.findall(turn)) > num_own:
            raise ChatTemplateError(
                "the chat template writes a thinking block of its own before that of the "
                "completion; take the completion's out, or use another chat template"
            )

    def _remedy_for_thoughts(self, messages: Sequence[Message]) -> str:
        """Say how thinking is switched off, if the template can do it the usual way."""
        without = self._render(messages, add_generation_prompt=True, enable_thinking=False)
        if _OPENS_THOUGHT.search(without):
            return "use a chat template or a model that does not"
        return "set model.chat_template_kwargs: {enable_thinking: false}"

    def _frame_of_answer(self, messages: Sequence[Message], prompt: str) -> tuple[str, str]:
        """Return what stands between prompt and answer, and what ends the assistant's turn."""
        whole = self._render_answered(messages, _ANSWER)
        opening, place, end = whole[len(prompt) :].rpartition(_ANSWER)
        if not whole.startswith(prompt) or not place:
            raise _differs("an answer")
        return opening, end

    def _hide(self, messages: Sequence[Message]) -> list[Message]:
        return [
            {**message, "content": self._marked.hide(message["content"])} for message in messages
        ]

    def _render_prompt(self, messages: Sequence[Message]) -> str:
        return self._render(messages, add_generation_prompt=True)

    def _render_answered(self, messages: Sequence[Message], answer: str) -> str:
        turn = {"role": "assistant", "content": answer}
        return self._render([*messages, turn], add_generation_prompt=False)

    def _render(
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool,
        **more: object,
    ) -> str:
        options = {**self._template_kwargs, **more}
        try:
            text: str = self._tokenizer.apply_chat_template(
                list(messages),
                add_generation_prompt=add_generation_prompt,
                tokenize=False,
                **options,
            )
        except _TEMPLATE_ERRORS as error:
            raise ChatTemplateError(
                f"the chat template refuses {_roles(messages)}: {first_line(error)}"
            ) from None
        return text


def _differs(what: str) -> ChatTemplateError:
    return ChatTemplateError(
        f"the chat template renders a prompt differently when {what} follows it, so what is "
        "trained would not be what is served; set model.chat_template_kwargs (e.g. "
        "enable_thinking: false) or use another chat template"
    )


def _roles(messages: Sequence[Message]) -> str:
    roles = [message["role"] for message in messages]
    more = ", ..." if len(roles) > _NAMED_ROLES else ""
    return f"turns of {', '.join(roles[:_NAMED_ROLES])}{more}"


def _bare(text: str) -> str:
    """Return a text without white space, which templates trim."""
    return "".join(text.split())
