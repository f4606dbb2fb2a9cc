"""`final/collect.json`: what the final data came to."""

from selflengthen.contract.base import Contract


class Collection(Contract):
    """What the final data came to."""

    iterations: tuple[int, ...]
    settings: dict[str, object]
    """The keys of `collect` that it was made with."""
    pairs: int
    """Of instruction and response, in these iterations."""
    left_out: dict[str, int]
    """Pairs that make no row, by reason."""
    rows: int
    demands: dict[str, int]
    """Rows by the kind of their demand, `none` included."""
    written_by: dict[str, int]
    rejected: dict[str, int]
    """Queries of the model's that were not taken, by reason."""
    num_words: dict[str, int | float]
    """Percentiles of the responses."""
    generated_tokens: int
