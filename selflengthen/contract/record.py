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
    score: float | None = None
    """Of the candidate, from 0 to 1; null if the filter dropped it."""
    splice_at: int | None = None
    """Where stage 2 begins in the candidate, in characters; null if there was no stage 2."""
    cut_words: int = 0
    """What stage 2 repeated of the head, and lost, in words."""


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
    task_kind: str = "other"
    """Of the text that is asked for: `story`, `essay`, `report`, `speech`, `feature`, `proposal`,
    `guide`, `other`."""
    language: str | None
    """Of the instruction, e.g. `en`; null if it cannot be told."""
    initial_response: str
    response: str
    """The extended response."""
    num_words: TextLengths
    score: float = 1.0
    """Of the extended response, from 0 to 1: how far it is from the filter's limits."""
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
