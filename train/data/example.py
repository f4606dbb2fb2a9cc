"""Examples: rows as token ids, each whole and with its end of turn."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from selflengthen.chat.encoding import ChatEncoder, ChatTemplateError
from train.config import DataConfig
from train.data.row import Row
from train.errors import ShardError

_NAMED_IDS = 5


@dataclass(frozen=True, slots=True)
class Example:
    """A row's token ids; the loss is on the completion and its end of turn."""

    id: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]

    @property
    def num_tokens(self) -> int:
        """Tokens of prompt and completion."""
        return len(self.prompt_ids) + len(self.completion_ids)


@dataclass(frozen=True, slots=True)
class Examples:
    """What is trained on, and what was left out for its length."""

    kept: tuple[Example, ...]
    over_long: tuple[Example, ...]


def encode_row(row: Row, encoder: ChatEncoder, end_of_turn_ids: Collection[int]) -> Example:
    """Encode one row as it is served.

    Raises: ShardError: the chat template refuses it, or its turn does not end with a token that
        stops generation.
    """
    try:
        prompt_ids = encoder.encode_prompt(row.prompt)
        answer_ids, num_end_ids = encoder.encode_answer(row.prompt, row.completion)
    except ChatTemplateError as error:
        raise ShardError(f"{row.place}: {error}") from None
    if not set(answer_ids[len(answer_ids) - num_end_ids :]) & set(end_of_turn_ids):
        raise ShardError(
            f"{row.place}: the chat template closes the assistant's turn without a token that "
            "ends generation, so the model would never learn to stop; use another chat template"
        )
    return Example(row.id, tuple(prompt_ids), tuple(answer_ids))


def sort_out(examples: Iterable[Example], data: DataConfig) -> Examples:
    """Apply the policy for over-long rows; none is ever cut.

    Raises: ShardError: a row is too long and the policy is to raise, or none is left.
    """
    kept: list[Example] = []
    over_long: list[Example] = []
    for example in examples:
        (over_long if example.num_tokens > data.max_row_tokens else kept).append(example)
    if over_long and (data.over_long == "raise" or not kept):
        named = ", ".join(f"{row.id} ({row.num_tokens})" for row in over_long[:_NAMED_IDS])
        raise ShardError(
            f"data.max_row_tokens: {len(over_long)} rows are longer than {data.max_row_tokens} "
            f"tokens: {named}; raise it, or set data.over_long: drop to leave such rows out"
        )
    return Examples(tuple(kept), tuple(over_long))
