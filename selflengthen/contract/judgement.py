"""What `synth filter` prints for every line."""

from selflengthen.contract.base import Part


class Judgement(Part):
    """The response filter's answer to one text."""

    keep: bool
    reason: str | None
    """Why it is dropped: a stable key; null if it is kept."""
    num_words: int
