"""How different a run's accepted instructions are from one another."""

from collections import Counter

from filters.instruction import kind_of
from filters.text.ngrams import ngram_hashes
from filters.text.words import script_units
from selflengthen.contract.metrics import InstructionDiversity

MAX_INSTRUCTIONS = 10_000
"""So many are compared, the first that are complete: memory stays bounded."""
_OPENING, _GROUP = 3, 4


class DiversityCount:
    """Counts what instructions have in common, one after the other."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._num_compared = self._num_groups = 0
        self._openings: set[tuple[str, ...]] = set()
        self._groups: set[int] = set()

    def add(self, instruction: str) -> None:
        """Count one."""
        self._kinds[kind_of(instruction)] += 1
        if self._num_compared == MAX_INSTRUCTIONS:
            return
        units = script_units(instruction)
        groups = ngram_hashes(units, _GROUP).tolist()
        self._num_compared += 1
        self._num_groups += len(groups)
        self._openings.add(tuple(units[:_OPENING]))
        self._groups.update(groups)

    def summary(self) -> InstructionDiversity | None:
        """Sum up; None while there is no instruction."""
        if not self._num_compared:
            return None
        share = len(self._groups) / self._num_groups if self._num_groups else 1.0
        return InstructionDiversity(
            kinds=dict(sorted(self._kinds.items())),
            openings=round(len(self._openings) / self._num_compared, 4),
            distinct_4=round(share, 4),
        )
