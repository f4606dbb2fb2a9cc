"""Drift from the language of the instruction."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filters.text.language import drifting_stretch, expected_script, script_names, script_share
from filters.text.prose import MAY_BE_STRUCTURE

if TYPE_CHECKING:
    from filters.rule import Circumstances, GrowingText, Sign
    from filters.text.judged import JudgedText

# What a carriage return separates, Markdown reads as lines.
_MAY_NOT_BE_PROSE = re.compile(rf"{MAY_BE_STRUCTURE.pattern}|\r")


@dataclass(frozen=True, slots=True)
class DriftRule:
    """Prose in another script than the instruction's: `language_drift`."""

    min_share: float
    """Smallest share of the prose in the instruction's script."""
    min_stretch_share: float
    """Smallest such share in every stretch."""
    stretch_units: int
    is_lasting = False
    watches_drafts = False

    def judge(self, text: "JudgedText", known: "Circumstances") -> str | None:
        """Judge the prose."""
        script = _expected_script(known)
        if script is None:
            return None
        names = script_names("\n".join(text.prose))
        drifts = script_share(names, script) < self.min_share or drifting_stretch(
            names, script, self.stretch_units, self.min_stretch_share
        )
        return "language_drift" if drifts else None

    def sign(self, known: "Circumstances") -> "Sign | None":
        """Return a fresh sign, where the instruction tells the language."""
        script = _expected_script(known)
        return DriftSign(script, self.stretch_units, self.min_stretch_share) if script else None


def _expected_script(known: "Circumstances") -> str | None:
    return expected_script(known.instruction) if known.instruction else None


class DriftSign:
    """A stretch in another script than the instruction's, in lines that are sure to be prose."""

    def __init__(self, script: str, num_units: int, min_share: float) -> None:
        self._script = script
        self._num_units = num_units
        self._min_share = min_share
        self._names: list[str] = []
        self._num_read = 0
        self._may_not_be_prose = False
        self._drifted_at: int | None = None

    def __call__(self, growing: "GrowingText") -> str | None:
        """Return `language_drift`."""
        if self._drifted_at is None and not self._may_not_be_prose:
            self._read_lines(growing.text)
        is_lost = self._drifted_at is not None and len(growing.settled) >= self._drifted_at
        return "language_drift" if is_lost else None

    def _read_lines(self, text: str) -> None:
        lines = text[self._num_read : text.rfind("\n") + 1]
        if mark := _MAY_NOT_BE_PROSE.search(lines):
            self._may_not_be_prose = True
            lines = lines[: lines.rfind("\n", 0, mark.start()) + 1]
        self._num_read += len(lines)
        self._names += script_names(lines)
        if drifting_stretch(self._names, self._script, self._num_units, self._min_share):
            self._drifted_at = self._num_read
        del self._names[: len(self._names) // self._num_units * self._num_units]
