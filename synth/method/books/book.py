"""The book of one cohort: what was dropped and why, and what every token went to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from filters.text.words import count_words
from selflengthen.contract.reject import Reject
from synth.engine.base import Completion, Request
from synth.method.books.ledger import LENGTH_SAMPLED, SPECULATIVE, Ledger, outcome_of
from synth.method.books.verdicts import Verdicts
from synth.method.sample import Exchange, ExtendedResponse, InitialResponse
from synth.method.stages import Stage


@dataclass
class CohortBook:
    """Ledger and rejects of a cohort; the run's ledger is the sum of its cohorts'."""

    cohort: int
    verdicts: Verdicts = field(default_factory=Verdicts)
    """Shared by all books of a process."""
    ledger: Ledger = field(default_factory=Ledger)
    rejects: list[Reject] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Slots and samples that got this far: see `selflengthen.contract.metrics` for the names."""
    exhaustions: Counter[str] = field(default_factory=Counter)
    """Samples that used up their attempts, by stage."""
    instructions: dict[int, str] = field(default_factory=dict)
    """Accepted instructions by the slot's place in the run."""

    def keep(self, request: Request, completion: Completion) -> None:
        """Book a completion that served its purpose."""
        self.ledger.book(request.kind, outcome_of(completion, None), completion)

    def draft(self) -> "CohortBook":
        """Return a book for what may have to be written off as a whole."""
        return CohortBook(self.cohort, self.verdicts)

    def scratch(self) -> "CohortBook":
        """Return a book that nobody will read."""
        return CohortBook(self.cohort)

    def waste(self, request: Request, completion: Completion) -> None:
        """Book a request that was served before it was asked for, and never was."""
        self.ledger.book(request.kind, SPECULATIVE, completion)

    def reject(self, request: Request, completion: Completion, reason: str, text: str) -> None:
        """Book a completion whose text is dropped."""
        self.verdicts.drop(request, completion, reason, text)
        self.write_down(request, completion, reason, text)

    def write_down(self, request: Request, completion: Completion, reason: str, text: str) -> None:
        """Book a completion whose text is dropped for no fault of its own."""
        self.ledger.book(request.kind, outcome_of(completion, reason), completion)
        self.reject_text(request.id, request.kind, reason, text)

    def reject_text(self, text_id: str, stage: str, reason: str, text: str) -> None:
        """Write down a dropped text whose requests are booked elsewhere."""
        self.rejects.append(
            Reject(
                id=text_id,
                cohort=self.cohort,
                stage=str(stage),
                reason=reason,
                num_words=count_words(text),
                text=text,
            )
        )

    def settle(self, exchanges: Iterable[Exchange], reason: str | None) -> None:
        """Book requests whose fate was open."""
        for stage, completion in exchanges:
            self.ledger.book(stage, outcome_of(completion, reason), completion)

    def sampled(self, sample: InitialResponse | ExtendedResponse, *, kept: bool) -> None:
        """Book what length sampling decided about a sample."""
        self.settle(sample.exchanges, None if kept else LENGTH_SAMPLED)
        if not kept:
            is_initial = isinstance(sample, InitialResponse)
            stage = Stage.GENERATE if is_initial else Stage.EXTEND_TAIL
            self.reject_text(sample.id, stage, LENGTH_SAMPLED, sample.text)

    def merge(self, other: "CohortBook") -> None:
        """Take over what another book of the same cohort holds."""
        self.ledger.add(other.ledger)
        self.rejects += other.rejects
        self.counts.update(other.counts)
        self.exhaustions.update(other.exhaustions)

    def write_off(
        self, other: "CohortBook", exchanges: Iterable[Iterable[Exchange]], reason: str
    ) -> None:
        """Book all of another book's requests, and open ones, as rejected for one reason.

        Its texts are not written down: how far they got depends on timing.
        """
        self.ledger.add(other.ledger, outcome=f"rejected:{reason}")
        for open_exchanges in exchanges:
            self.settle(open_exchanges, reason)

    def exhausted(self, stage: Stage) -> None:
        """Count a sample that used up its attempts."""
        self.exhaustions[stage.value] += 1

    def count(self, name: str, num_samples: int) -> None:
        """Count samples that got this far."""
        self.counts[name] += num_samples

    def sorted_rejects(self) -> list[Reject]:
        """Return the rejects in an order that does not depend on timing."""
        return sorted(self.rejects, key=lambda row: (row.id, row.stage, row.reason))
