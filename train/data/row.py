"""A training row: a prompt of messages and the answer to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selflengthen.files.json_lines import parse_object
from train.errors import ShardError

_PROMPT_ROLES = ("system", "user", "assistant")
# What other trainers and chat templates read beside prompt and completion.
_NOT_TRAINED = (
    "tools",
    "functions",
    "documents",
    "chat_template_kwargs",
    "messages",
    "conversations",
    "chosen",
    "rejected",
    "images",
    "image",
    "videos",
    "video",
    "audio",
    "audios",
    "input_ids",
    "labels",
    "completion_mask",
    "assistant_masks",
    "seq_lengths",
)
_EMPTY: tuple[object, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Row:
    """One example, as it stands in a shard."""

    id: str
    place: str
    """File and line."""
    prompt: tuple[dict[str, str], ...]
    completion: str
    role: str | None
    """Generator or Extender, where the row says so."""


def parse_row(line: bytes, place: str) -> Row:
    """Read one line of a shard.

    Raises: ShardError: it is no conversational prompt-completion row, with its place.
    """
    try:
        fields = parse_object(line)
    except ValueError as error:
        raise ShardError(f"{place}: {error}") from None
    for key in _NOT_TRAINED:
        if fields.get(key) not in _EMPTY:
            raise ShardError(
                f"{place}: {key}: not trained on, though it would change the row; take it out, or "
                "render it into prompt and completion"
            )
    prompt = _messages(fields, "prompt", place)
    completion = _messages(fields, "completion", place)
    if len(completion) != 1 or completion[0]["role"] != "assistant":
        raise ShardError(f"{place}: completion must be one message of the role assistant")
    if not completion[0]["content"].strip():
        raise ShardError(f"{place}: the completion is empty; remove the row")
    if prompt[-1]["role"] != "user":
        raise ShardError(f"{place}: the last message of prompt must have the role user")
    role = fields.get("role")
    return Row(
        id=str(fields.get("id") or place),
        place=place,
        prompt=prompt,
        completion=completion[0]["content"],
        role=role if isinstance(role, str) else None,
    )


def _messages(fields: Mapping[str, Any], key: str, place: str) -> tuple[dict[str, str], ...]:
    messages = fields.get(key)
    if not isinstance(messages, list) or not messages:
        raise ShardError(f"{place}: no {key}; it is a list of messages with role and content")
    return tuple(_message(message, f"{place}: {key}[{n}]") for n, message in enumerate(messages))


def _message(message: object, place: str) -> dict[str, str]:
    if not isinstance(message, dict):
        raise ShardError(f"{place}: not an object with role and content")
    role, content = message.get("role"), message.get("content")
    if role not in _PROMPT_ROLES:
        raise ShardError(f"{place}: role {role!r}; use one of {', '.join(_PROMPT_ROLES)}")
    if not isinstance(content, str):
        raise ShardError(f"{place}: content is {type(content).__name__}, not text")
    for key, value in message.items():
        if value not in _EMPTY and key not in ("role", "content"):
            raise ShardError(
                f"{place}: {key}: only role and content are trained on; take it out, or render it "
                "into content"
            )
    return {"role": str(role), "content": content}
