"""What the answers of `synth eval` and `synth guard` have in common."""

from selflengthen.contract.base import Contract, TokenCounts


class ExamAnswer(Contract):
    """An answer, as it is."""

    id: str
    subject: str
    """Who answered: `base`, `iteration-N`, `final`, or a name of the user's."""
    adapter: str | None
    """SHA-256 of its adapter's weights; null: the base model."""
    response: str
    num_words: int
    finish_reason: str
    """`stop`, `length` (truncated) or `error`."""
    tokens: TokenCounts
