"""`judged/JUDGE/ratings-SUBJECT.jsonl` of `synth judge`: what a judge thinks of every answer."""

from selflengthen.contract.base import Contract, Part


class Scores(Part):
    """The six dimensions of LongBench-Write, each from 1 to 5."""

    relevance: float
    accuracy: float
    coherence: float
    clarity: float
    breadth_and_depth: float
    reading_experience: float


class Rating(Contract):
    """A rating, or why there is none."""

    id: str
    """The answer's."""
    subject: str
    scores: Scores | None
    """Null: unrated."""
    attempts: int
    """How often the judge was asked; 0: there was nothing to rate."""
    reason: str | None
    """Why it is unrated: `unreadable`, `no_answer` (the request had failed), or the engine's reason
    of a judge's request that failed."""
    said: str | None
    """Where unrated, the beginning of what the judge said last, or of the engine's message."""
    judged_sha256: str
    """SHA-256 over the request and the answer that were judged."""
