"""`tasks/SUBJECT.json` of `synth guard`: what lm-eval says of a subject."""

from selflengthen.contract.base import Contract
from selflengthen.contract.exam.guard_report import TaskResult


class TaskResults(Contract):
    """The tasks of one subject."""

    adapter: str | None
    """SHA-256 of its adapter's weights; null: the base model."""
    names: tuple[str, ...]
    """Tasks, or groups of them, that were asked for."""
    limit: int | None
    """Examples of each; null: all."""
    tasks: dict[str, TaskResult]
