"""What a run came to: complete cohorts as sums, open ones as what is reported of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from selflengthen.contract.held_out import HeldOutAnswer, HeldOutSummary
from selflengthen.contract.receipt import AcceptedInstruction, Receipt
from synth.engine.admission.meter import RoomTimes
from synth.engine.base import EngineLoad
from synth.engine.load import sum_loads
from synth.method.books.book import CohortBook
from synth.method.books.ledger import Ledger
from synth.method.books.measure import ledger_of, summarize_held_out
from synth.method.books.verdicts import Verdicts
from synth.method.sample import ExtendedResponse
from synth.run.diversity import DiversityCount


@dataclass
class Totals:
    """Sums over cohorts."""

    ledger: Ledger = field(default_factory=Ledger)
    counts: Counter[str] = field(default_factory=Counter)
    exhaustions: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Totals | CohortBook") -> None:
        """Add other sums, or one cohort."""
        self.ledger.add(other.ledger)
        self.counts.update(other.counts)
        self.exhaustions.update(other.exhaustions)


@dataclass
class RecordWords:
    """How long texts of records are, in words, and how much they grew; counted, not listed."""

    initial: Counter[float] = field(default_factory=Counter)
    response: Counter[float] = field(default_factory=Counter)
    growth: Counter[float] = field(default_factory=Counter)
    num_words: int = 0
    """Of all extended responses."""

    def add(self, initial: int, response: int) -> None:
        """Count one record."""
        self.initial[initial] += 1
        self.response[response] += 1
        self.growth[round(response / initial, 2)] += 1
        self.num_words += response


@dataclass(frozen=True)
class Progress:
    """What a run reports while it goes on: that of one engine, or the sum over many."""

    load: EngineLoad
    open: Totals
    """Sums over the cohorts that are under way."""
    num_open: int
    num_replayed: int
    """Completions taken over from an earlier, interrupted run."""
    times: RoomTimes
    """How long the engine had room although there was work; the mean over many."""
    verdicts: Verdicts
    """On the requests of this process."""

    @classmethod
    def of(cls, parts: Sequence["Progress"], ended: Iterable[EngineLoad] = ()) -> "Progress":
        """Add up what engines that live report, and what others had done at their end."""
        opened = Totals()
        for part in parts:
            opened.add(part.open)
        number = len(parts) or 1
        return cls(
            load=sum_loads([*(part.load for part in parts), *ended]),
            open=opened,
            num_open=sum(part.num_open for part in parts),
            num_replayed=sum(part.num_replayed for part in parts),
            times=RoomTimes(
                sum(part.times.seconds for part in parts) / number,
                sum(part.times.bubble_seconds for part in parts) / number,
            ),
            verdicts=Verdicts().add(part.verdicts for part in parts),
        )


@dataclass
class Tally:
    """The complete cohorts of a run, added up."""

    complete: Totals = field(default_factory=Totals)
    num_complete: int = 0
    record_words: RecordWords = field(default_factory=RecordWords)
    diversity: DiversityCount = field(default_factory=DiversityCount)
    accepted_tokens: int = 0
    """Generated tokens of the texts in records."""
    held_out: HeldOutSummary | None = None
    """Summary of the held-out answers, once they are complete."""

    def complete_cohort(self, receipt: Receipt) -> None:
        """Add a cohort that is on disk."""
        counts, exhaustions = Counter(receipt.counts), Counter(receipt.exhaustions)
        self.complete.add(Totals(Ledger(receipt.ledger), counts, exhaustions))
        self.accepted_tokens += receipt.accepted_tokens
        for initial, response in receipt.record_words:
            self.record_words.add(initial, response)
        for instruction in receipt.instructions:
            self.diversity.add(instruction.text)
        self.num_complete += 1

    def complete_measure(self, answers: Sequence[HeldOutAnswer]) -> None:
        """Add the answers to the held-out instructions."""
        self.complete.ledger.add(ledger_of(answers))
        self.held_out = summarize_held_out(answers)

    def totals(self, progress: Progress) -> Totals:
        """Add up complete and open cohorts."""
        totals = Totals()
        totals.add(self.complete)
        totals.add(progress.open)
        return totals


def receipt_of(book: CohortBook, survivors: list[ExtendedResponse]) -> Receipt:
    """Sum a complete cohort up; the opposite of `Tally.complete_cohort`."""
    book.count("records", len(survivors))
    return Receipt(
        cohort=book.cohort,
        counts=dict(sorted(book.counts.items())),
        exhaustions=dict(sorted(book.exhaustions.items())),
        instructions=tuple(
            AcceptedInstruction(sequence=sequence, text=text)
            for sequence, text in sorted(book.instructions.items())
        ),
        accepted_tokens=_accepted_tokens(survivors),
        record_words=tuple((sample.initial.num_words, sample.num_words) for sample in survivors),
        ledger=book.ledger.rows(),
    )


def _accepted_tokens(survivors: list[ExtendedResponse]) -> int:
    """Count what was generated for texts of records; an initial response may be in several."""
    exchanges = [exchange for sample in survivors for exchange in sample.exchanges]
    for initial in {sample.initial.id: sample.initial for sample in survivors}.values():
        exchanges += initial.exchanges
    return sum(completion.num_generated_tokens for _, completion in exchanges)
