"""`final/shards/final-*.jsonl`: pairs of an instruction with a length demand and a response."""

from selflengthen.contract.base import Part
from selflengthen.contract.row import Row


class DemandPart(Part):
    """A length that the query asks for."""

    kind: str
    """`about`, `range`, `above` or `below`."""
    low: int
    high: int
    """In words; in Chinese, characters. The same as `low` but for a range."""


class FinalRow(Row):
    """A training row of the final model: `prompt` asks for a length that `completion` has."""

    instruction: str
    """As it was before the demand."""
    demand: DemandPart | None
    """Null in the rows that ask for no length."""
    written_by: str | None
    """Who put the demand into words: `model`, `phrase` (a fixed one), or null."""
    language: str | None
    task_kind: str
