"""`loop.json`: what every macro-iteration of a loop gave; unknown values are null."""

from selflengthen.contract.base import Contract, Part


class Medians(Part):
    """Lengths of one kind of text, in words."""

    p50: int | float | None
    p90: int | float | None


class LoopLengths(Part):
    """Lengths of the texts of records."""

    initial: Medians
    response: Medians


class BeforeAfter(Part):
    """Median length of held-out answers, before and after the iteration's training."""

    before: int | float | None
    after: int | float | None


class LoopRow(Contract):
    """One macro-iteration."""

    iteration: int
    asked: int | None
    instructions: int | None
    rows: int | None
    num_words: LoopLengths
    growth: int | float | None
    """Median growth of records."""
    acceptance: dict[str, float | None]
    """Share of the requests that were kept, by stage."""
    held_out_words: BeforeAfter
    loss: dict[str, float | None]
    """Last training loss, by role."""
