"""`shards/*.jsonl`: what an adapter is trained on."""

from selflengthen.contract.base import Contract


class Row(Contract):
    """A training row: a prompt and its completion, as messages."""

    id: str
    """Of the record that it was made of."""
    role: str
    """Whose adapter is trained on it: `generator` or `extender`."""
    prompt: tuple[dict[str, str], ...]
    """Messages with `role` and `content`."""
    completion: tuple[dict[str, str], ...]
    """The assistant's message."""
    num_words: int
    """Of the completion."""
    score: float = 1.0
    """Of the completion; see the record's."""
    iteration: int
