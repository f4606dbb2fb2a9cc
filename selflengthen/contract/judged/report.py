"""`judged/JUDGE/judge.json` of `synth judge`: judged quality, by subject."""

from selflengthen.contract.base import Contract, Part
from selflengthen.contract.loop_row import Interval


class AgainstBase(Part):
    """A subject's answers beside the base's; intervals drawn again over the requests."""

    pairs: int
    wins: int
    losses: int
    ties: int
    """The orders disagree."""
    unjudged: int
    """Pairs with a request that failed; in no figure below."""
    win_rate: Interval | None
    """Share of wins, ties counted half; null: no pair was judged."""
    length_controlled: Interval | None
    """The win rate that a logistic regression on the difference of lengths in words gives at
    difference 0 (AlpacaEval 2, simplified); null also where the difference is always the same."""
    longer: float | None
    """Share of the judged pairs in which the subject's answer has more words; near 0 or 1 the
    figure above is far from what was seen."""
    agreement: float | None
    """Share of the judged pairs in which both orders agree."""


class JudgedQuality(Part):
    """What the judge thinks of a subject's answers; intervals drawn again over the requests."""

    adapter: str | None
    """SHA-256 of its adapter's weights; null: the base model."""
    rated: int
    unrated: int
    reasons: dict[str, int]
    """Of the unrated, the commonest first."""
    quality: Interval | None
    """S_q of LongBench-Write, from 0 to 100: the mean of the six scores, less 1, times 25."""
    dimensions: dict[str, Interval]
    """The same of each score alone."""
    against_base: AgainstBase | None
    """Null: the base itself, or it has no answers."""


class JudgeReport(Contract):
    """All subjects with answers in the directory."""

    judge: str
    """Hub id or folder of the judge's model."""
    revision: str | None
    """Of a Hub model."""
    prompts_sha256: str
    warnings: tuple[str, ...]
    subjects: dict[str, JudgedQuality]
