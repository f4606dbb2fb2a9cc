"""The directory of an examination: answers of every subject, and what they show."""

from pathlib import Path
from typing import TypeVar

from selflengthen.contract.base import Contract
from selflengthen.files.json_file import read_rows
from selflengthen.files.owned_directory import OwnedDirectory

C = TypeVar("C", bound=Contract)

_NAMED = ("base", "iteration", "final")


class ExamDirectory(OwnedDirectory):
    """The same requests and settings, answered by any number of subjects."""

    @property
    def engine_log(self) -> Path:
        """What vLLM and other libraries print."""
        return self.folder / "engine.log"

    def answers(self, subject: str) -> Path:
        """All answers of a subject: its presence means complete."""
        return self.folder / "answers" / f"{subject}.jsonl"

    def journal(self, subject: str, digest: str | None) -> Path:
        """Completions of a subject whose answers are not complete; of one adapter only."""
        return self.folder / "journal" / f"{subject}-{(digest or 'base')[:12]}.jsonl"

    def read_answers(self, kind: type[C], subject: str) -> list[C]:
        """Read a subject's answers; none if they are not complete.

        Raises: CorruptFileError: a line is not as it was written.
        """
        path = self.answers(subject)
        return list(read_rows(kind, path)) if path.exists() else []

    def subjects(self) -> list[str]:
        """Return the subjects whose answers are complete: base, iterations, final, others."""
        return sorted((path.stem for path in self.folder.glob("answers/*.jsonl")), key=_rank)


def _rank(subject: str) -> tuple[int, int, str]:
    if subject in _NAMED:
        return _NAMED.index(subject), 0, subject
    name, _, number = subject.rpartition("-")
    is_iteration = name == "iteration" and number.isdecimal()
    return (1, int(number), subject) if is_iteration else (len(_NAMED), 0, subject)
