"""`rejects/cohort-*.jsonl`: every dropped instruction, response and extension of a cohort."""

from selflengthen.contract.base import Contract


class Reject(Contract):
    """A text that was dropped."""

    id: str
    """Of the request, or of the sample that was dropped as a whole."""
    cohort: int
    stage: str
    reason: str
    """A stable key, e.g. `loop`, `near_duplicate`, `length_sampled`."""
    num_words: int
    text: str
