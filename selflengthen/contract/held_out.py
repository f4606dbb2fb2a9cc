"""`held_out.jsonl`: the Generator's answers to instructions that it is never trained on."""

from selflengthen.contract.base import Contract, Part, TokenCounts


class HeldOutAnswer(Contract):
    """One answer, as it is."""

    id: str
    instruction: str
    response: str
    num_words: int
    finish_reason: str
    """`stop`, `length` (truncated) or `error`."""
    reason: str | None
    """Why the response filter would drop it; null: it passes."""
    tokens: TokenCounts
    generator: str
    """Name of the adapter that answered, or `base`."""


class HeldOutSummary(Part):
    """The answers of a macro-iteration, summed up."""

    generator: str
    num_answers: int
    """Those that have a length: requests that failed do not count."""
    truncated: int
    passed: int
    """Answers that the response filter would keep."""
    errors: int
    num_words: dict[str, int | float]
    """`mean`, `p10`, `p50`, `p90`, `p100`; empty if there is no length."""
