"""`judged/JUDGE/comparisons-SUBJECT.jsonl` of `synth judge`: every answer beside the base's."""

from selflengthen.contract.base import Contract, Part


class Choice(Part):
    """What the judge chose, in one order of the two answers."""

    chosen: str | None
    """`subject` or `base`; null: the request failed."""
    probability: float | None
    """Of that choice against the other; null: the engine does not tell."""
    reason: str | None
    """Why there is no choice."""


class Comparison(Contract):
    """An answer and the base's to the same request, of the same number."""

    id: str
    """The subject's answer's."""
    base_id: str
    """The base's answer's."""
    subject: str
    subject_first: Choice | None
    """With the subject's answer shown first; null: one of the two requests had failed."""
    base_first: Choice | None
    """With the base's answer shown first."""
    outcome: str | None
    """`win` or `loss` of the subject where both orders agree, else `tie`; null: not judged."""
    word_difference: int
    """Words of the subject's answer above the base's."""
    judged_sha256: str
    """SHA-256 over the request and the two answers that were judged."""
