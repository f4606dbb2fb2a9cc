"""The tally of a run: the books of its cohorts, added up while the run goes on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from synth.method.books.book import CohortBook
from synth.method.books.ledger import Ledger
from synth.method.books.verdicts import Verdicts
from synth.method.sample import ExtendedResponse
from synth.run.measure import ledger_rows, summarize_held_out

JsonRow = dict[str, Any]


@dataclass
class Totals:
    """Sums over cohorts."""

    ledger: Ledger = field(default_factory=Ledger)
    counts: Counter[str] = field(default_factory=Counter)
    exhaustions: Counter[str] = field(default_factory=Counter)

    def add(self, ledger: Ledger, counts: Counter[str], exhaustions: Counter[str]) -> None:
        """Add one cohort."""
        self.ledger.add_rows(ledger.rows())
        self.counts.update(counts)
        self.exhaustions.update(exhaustions)


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


@dataclass
class Tally:
    """Complete cohorts as sums, open ones as books."""

    complete: Totals = field(default_factory=Totals)
    num_complete: int = 0
    record_words: RecordWords = field(default_factory=RecordWords)
    accepted_tokens: int = 0
    """Generated tokens of the texts in records."""
    held_out: JsonRow | None = None
    """Summary of the held-out answers, once they are complete."""
    verdicts: Verdicts = field(default_factory=Verdicts)
    """On the requests of this process."""
    _open: dict[int, CohortBook] = field(default_factory=dict)

    def all_verdicts(self) -> Verdicts:
        """Return the verdicts of all processes of the run."""
        return self.verdicts

    def open_book(self, cohort: int) -> CohortBook:
        """Start the book of a cohort."""
        self._open[cohort] = CohortBook(cohort, self.verdicts)
        return self._open[cohort]

    def discard_book(self, cohort: int) -> None:
        """Forget the book of a cohort, if it is open."""
        self._open.pop(cohort, None)

    def close_book(self, receipt: JsonRow) -> None:
        """Replace a cohort's book, if it is open, by its receipt."""
        self.discard_book(receipt["cohort"])
        ledger = Ledger()
        ledger.add_rows(receipt["ledger"])
        counts: Counter[str] = Counter(receipt["counts"])
        exhaustions: Counter[str] = Counter(receipt["exhaustions"])
        self.complete.add(ledger, counts, exhaustions)
        self.accepted_tokens += receipt["accepted_tokens"]
        for initial, response in receipt["record_words"]:
            self.record_words.add(initial, response)
        self.num_complete += 1

    def book_held_out(self, answers: Sequence[JsonRow]) -> None:
        """Take over the answers to the held-out instructions."""
        self.complete.ledger.add_rows(ledger_rows(answers))
        self.held_out = summarize_held_out(answers)

    def totals(self) -> Totals:
        """Add up complete and open cohorts."""
        totals = Totals()
        totals.add(self.complete.ledger, self.complete.counts, self.complete.exhaustions)
        for book in self._open.values():
            totals.add(book.ledger, book.counts, book.exhaustions)
        return totals

    @property
    def num_open(self) -> int:
        """Cohorts that are under way."""
        return len(self._open)


def receipt_of(book: CohortBook, survivors: list[ExtendedResponse]) -> JsonRow:
    """Sum a complete cohort up; the opposite of `Tally.close_book`."""
    book.count("records", len(survivors))
    return {
        "cohort": book.cohort,
        "counts": dict(sorted(book.counts.items())),
        "exhaustions": dict(sorted(book.exhaustions.items())),
        "instructions": [
            {"sequence": sequence, "text": text}
            for sequence, text in sorted(book.instructions.items())
        ],
        "accepted_tokens": _accepted_tokens(survivors),
        "record_words": [[sample.initial.num_words, sample.num_words] for sample in survivors],
        "ledger": list(book.ledger.rows()),
    }


def _accepted_tokens(survivors: list[ExtendedResponse]) -> int:
    """Count what was generated for texts of records; an initial response may be in several."""
    exchanges = [exchange for sample in survivors for exchange in sample.exchanges]
    for initial in {sample.initial.id: sample.initial for sample in survivors}.values():
        exchanges += initial.exchanges
    return sum(completion.num_generated_tokens for _, completion in exchanges)
