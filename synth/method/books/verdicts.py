"""What becomes of a stage's requests, counted in the order in which they were begun.

Bad texts end early, for watches abort them: counted as they come, the first verdicts of a stage
with many requests in flight would all be drops, however many of its texts are good.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from synth.engine.base import Completion, Request

_NUM_EXAMPLES = 3
_MAX_EXAMPLE_CHARS = 200


@dataclass(frozen=True, slots=True)
class Example:
    """A text that was dropped."""

    id: str
    reason: str
    beginning: str


class Fate(Enum):
    """What is known of a request that was not dropped."""

    OPEN = auto()
    ACCEPTED = auto()
    UNCOUNTED = auto()
    """Nothing that was said about the model."""


@dataclass
class StageVerdicts:
    """The verdicts on one stage's requests."""

    num_accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How many were dropped for each reason."""
    examples: deque[Example] = field(default_factory=lambda: deque(maxlen=_NUM_EXAMPLES))
    """The last ones that were dropped."""
    pending: OrderedDict[str, Fate | Example] = field(default_factory=OrderedDict)
    """By id in the order of their beginning: the oldest without a verdict, and all after it."""

    @property
    def num_requests(self) -> int:
        """All of them."""
        return self.num_accepted + self.reasons.total()

    @property
    def acceptance(self) -> float:
        """The share that was accepted; there must be a request."""
        return self.num_accepted / self.num_requests

    def settle(self, request_id: str, fate: Fate | Example) -> None:
        """Note what became of a request, and count all that no older one keeps waiting."""
        self.pending[request_id] = fate
        while self.pending:
            oldest, fate = self.pending.popitem(last=False)
            if fate is Fate.OPEN:
                self.pending[oldest] = fate
                self.pending.move_to_end(oldest, last=False)
                return
            self._count(fate)

    def _count(self, fate: Fate | Example) -> None:
        if isinstance(fate, Example):
            self.reasons[fate.reason] += 1
            self.examples.append(fate)
        elif fate is Fate.ACCEPTED:
            self.num_accepted += 1


@dataclass
class Verdicts:
    """Verdicts by stage, of one process: what it took over from a journal does not count."""

    stages: dict[str, StageVerdicts] = field(default_factory=dict)

    def begin(self, request: Request) -> None:
        """Give a request its place; without a verdict on it, none after it counts."""
        self._of(request.kind).pending[request.id] = Fate.OPEN

    def accept(self, request: Request, completion: Completion) -> None:
        """Count a text that served its purpose so far."""
        fate = Fate.UNCOUNTED if completion.is_replayed else Fate.ACCEPTED
        self._of(request.kind).settle(request.id, fate)

    def drop(self, request: Request, completion: Completion, reason: str, text: str) -> None:
        """Count a text that is dropped."""
        example = _example_of(request.id, reason, text)
        fate = Fate.UNCOUNTED if completion.is_replayed else example
        self._of(request.kind).settle(request.id, fate)

    def pass_over(self, request: Request) -> None:
        """Leave a request out that was ended for no fault of its own."""
        self._of(request.kind).settle(request.id, Fate.UNCOUNTED)

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

    def _of(self, stage: str) -> StageVerdicts:
        return self.stages.setdefault(stage, StageVerdicts())


def _example_of(text_id: str, reason: str, text: str) -> Example:
    """Return an example with the beginning of a text, in one line."""
    return Example(text_id, reason, " ".join(text[:_MAX_EXAMPLE_CHARS].split()))
