"""`journal/cohort-*.complete.json`: what a cohort came to; its presence means complete."""

from selflengthen.contract.base import Contract, Part


class LedgerRow(Part):
    """Requests of one stage with one outcome, and their tokens."""

    stage: str
    outcome: str
    """`kept`, `rejected:REASON`, `aborted:REASON`, `truncated`, `length_sampled`, `error`,
    `measured`, `retried` or `speculative`."""
    requests: int
    prompt: int
    cached: int
    generated: int


class AcceptedInstruction(Part):
    """An instruction that was accepted, and its slot's place in the run."""

    sequence: int
    text: str


class Receipt(Contract):
    """A cohort that is complete."""

    cohort: int
    counts: dict[str, int]
    """Slots and samples that got so far: see `Samples`, and `slots_expanded`."""
    exhaustions: dict[str, int]
    """Samples that used up their attempts, by stage."""
    instructions: tuple[AcceptedInstruction, ...]
    accepted_tokens: int
    """Generated tokens of the texts in records."""
    record_words: tuple[tuple[int, int], ...]
    """Words of the initial and of the extended response of each record."""
    ledger: tuple[LedgerRow, ...]
    sha256: dict[str, str] = {}
    """Digests of the cohort's files, by folder."""
