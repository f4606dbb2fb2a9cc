"""`records/cohort-*.jsonl`: the accepted samples of a cohort, with their lineage."""

from selflengthen.contract.base import Contract, Part, TokenCounts


class TextLengths(Part):
    """How long the texts of a sample are, in words."""

    initial: int
    response: int


class MicroIterationRow(Part):
    """One round of the Extender's two stages."""

    num_words: int
    """Of the candidate."""
    kept: bool
    """Whether it became the text of the next round."""
    reason: str | None
    """Why it was dropped."""


class Attempts(Part):
    """How many tries each stage took."""

    expand: int
    generate: int
    extend: int


class Record(Contract):
    """An accepted sample."""

    id: str
    """Unique in a run; the slot's id is its beginning."""
    iteration: int
    cohort: int
    instruction_id: str
    instruction: str
    language: str | None
    """Of the instruction, e.g. `en`; null if it cannot be told."""
    initial_response: str
    response: str
    """The extended response."""
    num_words: TextLengths
    growth: float
    """Words of the extended response as a multiple of the initial one's."""
    micro_iterations: tuple[MicroIterationRow, ...]
    attempts: Attempts
    model: str
    """The base model."""
    adapters: dict[str, str]
    """Names of the adapters, by role."""
    profile: str
    """Name of the filter profile."""
    prompt_set: str
    tokens: TokenCounts
    """Of the requests that made the text, its initial response included."""
