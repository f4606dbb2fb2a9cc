"""The token ledger: every request of a run, by stage and outcome."""

from collections import defaultdict
from collections.abc import Iterable

from selflengthen.contract.receipt import LedgerRow
from synth.engine.base import Completion, FinishReason, Tokens

KEPT = "kept"
TRUNCATED = "truncated"
LENGTH_SAMPLED = "length_sampled"
ERROR = "error"
MEASURED = "measured"
RETRIED = "retried"
"""Served again, since the engine died."""
SPECULATIVE = "speculative"
"""Served ahead, and not needed."""


def outcome_of(completion: Completion, reason: str | None) -> str:
    """Name what became of a completion: `kept`, `rejected:<reason>`, `aborted:<reason>`, ..."""
    if completion.finish_reason is FinishReason.ABORT:
        return f"aborted:{completion.detail}"
    if completion.finish_reason is FinishReason.ERROR:
        return ERROR
    if reason is None:
        return KEPT
    return reason if reason in (TRUNCATED, LENGTH_SAMPLED) else f"rejected:{reason}"


class Ledger:
    """Tokens by stage and outcome; each request is booked exactly once."""

    def __init__(self, rows: Iterable[LedgerRow] = ()) -> None:
        """Take rows that another ledger yielded."""
        self._entries: dict[tuple[str, str], Tokens] = defaultdict(Tokens)
        for row in rows:
            tokens = Tokens(row.requests, row.prompt, row.cached, row.generated)
            self.add_tokens(row.stage, row.outcome, tokens)

    def book(self, stage: str, outcome: str, completion: Completion) -> None:
        """Book one request."""
        self.add_tokens(stage, outcome, Tokens.of([completion]))

    def add_tokens(self, stage: str, outcome: str, tokens: Tokens) -> None:
        """Book requests that are added up."""
        self._entries[str(stage), outcome] += tokens

    def add(self, other: "Ledger", *, outcome: str | None = None) -> None:
        """Add another ledger.

        Args:
            outcome: What became of all its requests; None: as it has them.
        """
        for (entry_stage, entry_outcome), tokens in other._entries.items():
            self.add_tokens(entry_stage, outcome or entry_outcome, tokens)

    def total(self, *, stage: str | None = None, outcome: str | None = None) -> Tokens:
        """Add up the entries of a stage, of an outcome (with all its reasons), or all."""
        total = Tokens()
        for (entry_stage, entry_outcome), tokens in self._entries.items():
            if stage in (None, entry_stage) and outcome in (None, entry_outcome.split(":")[0]):
                total += tokens
        return total

    def reasons(self, stage: str) -> dict[str, int]:
        """Count requests of a stage by outcome."""
        return {
            outcome: tokens.requests
            for (entry_stage, outcome), tokens in sorted(self._entries.items())
            if entry_stage == stage
        }

    def rows(self) -> tuple[LedgerRow, ...]:
        """Return one row per entry, in a fixed order."""
        return tuple(
            LedgerRow(
                stage=stage,
                outcome=outcome,
                requests=tokens.requests,
                prompt=tokens.prompt,
                cached=tokens.cached,
                generated=tokens.generated,
            )
            for (stage, outcome), tokens in sorted(self._entries.items())
        )
