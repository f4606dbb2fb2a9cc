"""`eval.json` of `synth eval`: what the answers to a suite show, by subject."""

from selflengthen.contract.base import Contract, Part
from selflengthen.contract.loop_row import Interval


class LengthMeasures(Part):
    """What some answers are like; intervals of 95 %, drawn again over the requests."""

    requests: int
    answers: int
    errors: int
    """Requests that failed: they have no length, and score 0."""
    words_asked: float
    """Mean of what is asked for: a range's middle, or the bound."""
    num_words: Interval | None
    """Mean length of the answers; null: all failed."""
    length_score: Interval
    """LonGen's, from 0 to 100."""
    gain: Interval | None
    """The length score above the base's, request by request; null where that is not measured."""
    length_quality: Interval
    """S_l of LongBench-Write, from 0 to 100."""
    volatility: Interval | None
    """Standard deviation of the lengths of the answers to one request over their mean; null: one
    answer each."""
    structural: Interval
    """Share with a structural fault, by the default profile's rules."""
    truncated: Interval
    """Share that reached the largest number of tokens."""


class SubjectMeasures(Part):
    """What a subject's answers are like."""

    adapter: str | None
    """SHA-256 of its adapter's weights; null: the base model."""
    all: LengthMeasures
    by: dict[str, dict[str, LengthMeasures]]
    """The same of groups: by `demand` (its kind), `band` (of lengths asked for), `kind` (of text)
    and `language`."""
    generated_tokens: int


class Evaluation(Contract):
    """The measures of all subjects that answered the whole suite."""

    suite: str
    suite_sha256: str
    requests: int
    answers_each: int
    subjects: dict[str, SubjectMeasures]
