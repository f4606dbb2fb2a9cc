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


class Interval(Part):
    """A figure with its interval of 95 %."""

    value: float
    low: float
    high: float


class Quality(Part):
    """What some texts are like."""

    num_texts: int
    structural: Interval
    """Share of texts with a structural fault, by the default profile's rules."""
    faults: dict[str, Interval] = {}
    """The same by reason, the commonest first."""
    distinct_4: Interval
    """Mean share of different groups of four words in a text."""
    compression: float
    """How many times smaller zlib makes them together."""
    self_similarity: Interval | None = None
    """Mean share of a text's groups of four words that another of the texts has too."""
    volatility: Interval | None = None
    """Standard deviation of the length of the answers to one instruction over their mean, averaged
    over the instructions; null where none has two."""


class Exam(Part):
    """A figure of the Generator, and of the base model."""

    base: Interval | None
    """Null where the figure is a comparison with the base."""
    after: Interval


class LoopRow(Contract):
    """One macro-iteration."""

    iteration: int
    asked: int | None
    instructions: int | None
    rows: int | None
    """Rows of the Generator; those of the Extender are as many."""
    num_words: LoopLengths
    growth: int | float | None
    """Median growth of records."""
    acceptance: dict[str, float | None]
    """Share of the requests that were kept, by stage."""
    held_out_words: BeforeAfter
    quality: dict[str, Quality | None] = {}
    """Of `kept` texts, and of held-out answers `before` and `after` the iteration's training."""
    loss: dict[str, float | None]
    """Last training loss, by role."""
    exams: dict[str, Exam] = {}
    """With `loop.eval` and `loop.guard`, after the iteration's training: `length_score` (LonGen's,
    from 0 to 100), `kl` (divergence from the base, in nats per token), `growth` (length of answers
    to short prompts over the base's)."""
