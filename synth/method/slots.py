"""Slots and their cohorts, also in a run that was asked for more instructions later."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one instruction in the run, before there is one."""

    iteration: int
    cohort: int
    cohort_start: int
    """Place of the cohort's first slot in the run."""
    sequence: int
    """Place in the run."""

    @property
    def id(self) -> str:
        """E.g. `1-00000-00012`: macro-iteration, cohort, place in the run."""
        return f"{self.iteration}-{self.cohort:05d}-{self.sequence:05d}"


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """The slots of an iteration, cut into cohorts.

    Each number of instructions that was asked for ends a stretch of slots, and each stretch is cut
    on its own: what a run has finished stays as it is when the number grows.
    """

    iteration: int
    stretches: tuple[int, ...]
    """Where each stretch ends, ascending: the numbers of instructions asked for so far."""
    cohort_instructions: int
    """Slots of a cohort; the last one of a stretch may be smaller."""

    @property
    def num_cohorts(self) -> int:
        """Cohorts in all."""
        return sum(number for _, _, number in self._cuts())

    def slots(self, cohort: int) -> tuple[Slot, ...]:
        """Return the slots of a cohort."""
        index = cohort
        for start, end, number in self._cuts():
            if index < number:
                first = start + index * self.cohort_instructions
                sequences = range(first, min(first + self.cohort_instructions, end))
                return tuple(Slot(self.iteration, cohort, first, place) for place in sequences)
            index -= number
        raise IndexError(cohort)

    def cohort_of(self, sequence: int) -> int:
        """Return the cohort of a slot, by its place in the run."""
        num_before = 0
        for start, end, number in self._cuts():
            if sequence < end:
                return num_before + (sequence - start) // self.cohort_instructions
            num_before += number
        raise IndexError(sequence)

    def _cuts(self) -> Iterator[tuple[int, int, int]]:
        """Yield start and end of each stretch, and how many cohorts it has."""
        start = 0
        for end in self.stretches:
            yield start, end, -(-(end - start) // self.cohort_instructions)
            start = end
