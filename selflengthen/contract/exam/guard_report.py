"""`guard.json` of `synth guard`: how far subjects are from the base model in ordinary use."""

from selflengthen.contract.base import Contract, Part
from selflengthen.contract.loop_row import Interval


class Drift(Part):
    """How some answers differ from the base's; intervals of 95 %, drawn again over the prompts."""

    prompts: int
    errors: int
    kl: Interval | None
    """Kullback-Leibler divergence from the base, in nats per token, on the subject's own answers;
    null: the base itself."""
    num_words: Interval
    """Mean length of the answers."""
    growth: Interval | None
    """That length over the base's."""
    truncated: Interval
    """Share that reached the largest number of tokens."""


class TaskResult(Part):
    """One task of lm-eval."""

    metrics: dict[str, float]
    """Under lm-eval's names, e.g. `acc,none` and `acc_stderr,none`."""


class SubjectDrift(Part):
    """What a subject's answers are like."""

    adapter: str | None
    """SHA-256 of its adapter's weights; null: the base model."""
    all: Drift
    by_kind: dict[str, Drift]
    tasks: dict[str, TaskResult] = {}
    """With `guard.tasks`."""
    warnings: tuple[str, ...]
    """What exceeds the limits of the configuration."""


class GuardReport(Contract):
    """All subjects that answered all prompts."""

    prompts: str
    prompts_sha256: str
    subjects: dict[str, SubjectDrift]
