"""Near-duplicate instructions, by ROUGE-L over script units."""

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import Indel

from filters.words import script_units

# Source: Self-Instruct (arXiv 2212.10560), section 2.2; exactly 0.7 is still accepted here.
MAX_SIMILARITY = 0.7


class InstructionIndex:
    """The instructions accepted so far, to be compared with a new one."""

    def __init__(self, instructions: Iterable[str] = ()) -> None:
        self._units: list[list[str]] = []
        for instruction in instructions:
            self.add(instruction)

    def add(self, instruction: str) -> None:
        """Remember an instruction."""
        self._units.append(script_units(instruction))

    def similarity(self, instruction: str, *, cutoff: float = 0.0) -> float:
        """Return the largest ROUGE-L F1 with a remembered instruction.

        Similarities below `cutoff` are not told apart: the answer is then 0.0.

        With L the longest common subsequence, F1 = 2 L / (a + b), which is the normalized
        insertion-deletion similarity.
        """
        best = process.extractOne(
            script_units(instruction),
            self._units,
            scorer=Indel.normalized_similarity,
            processor=None,
            score_cutoff=cutoff,
        )
        return float(best[1]) if best else 0.0
