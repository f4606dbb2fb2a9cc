"""What becomes of a stage's requests, counted at once and not at a cohort's end."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from synth.engine.protocol import Completion, Stage

_NUM_EXAMPLES = 3
_MAX_EXAMPLE_CHARS = 200


@dataclass(frozen=True, slots=True)
class Example:
    """A text that was dropped."""

    id: str
    reason: str
    beginning: str


@dataclass
class StageVerdicts:
    """The verdicts on one stage's requests."""

    num_accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How many were dropped for each reason."""
    examples: deque[Example] = field(default_factory=lambda: deque(maxlen=_NUM_EXAMPLES))
    """The last ones that were dropped."""

    @property
    def num_requests(self) -> int:
        """All of them."""
        return self.num_accepted + self.reasons.total()

    @property
    def acceptance(self) -> float:
        """The share that was accepted; there must be a request."""
        return self.num_accepted / self.num_requests


@dataclass
class Verdicts:
    """Verdicts by stage, of one process: what it took over from a journal does not count."""

    stages: dict[Stage, StageVerdicts] = field(default_factory=dict)

    def accept(self, stage: Stage, completion: Completion) -> None:
        """Count a text that served its purpose so far."""
        if not completion.is_replayed:
            self._of(stage).num_accepted += 1

    def drop(self, stage: Stage, completion: Completion, example: Example) -> None:
        """Count a text that is dropped."""
        if not completion.is_replayed:
            found = self._of(stage)
            found.reasons[example.reason] += 1
            found.examples.append(example)

    def add(self, others: Iterable["Verdicts"]) -> "Verdicts":
        """Return the sums of these and others."""
        total = Verdicts()
        for verdicts in (self, *others):
            for stage, found in verdicts.stages.items():
                sums = total._of(stage)
                sums.num_accepted += found.num_accepted
                sums.reasons.update(found.reasons)
                sums.examples.extend(found.examples)
        return total

    def _of(self, stage: Stage) -> StageVerdicts:
        return self.stages.setdefault(stage, StageVerdicts())


def example_of(text_id: str, reason: str, text: str) -> Example:
    """Return an example with the beginning of a text, in one line."""
    return Example(text_id, reason, " ".join(text[:_MAX_EXAMPLE_CHARS].split()))
