"""The directory of a judge, in that of the answers."""

import re
from pathlib import Path
from typing import TypeVar

from selflengthen.contract.base import Contract
from selflengthen.files.json_file import read_rows
from selflengthen.files.owned_directory import OwnedDirectory

C = TypeVar("C", bound=Contract)

_UNSAFE = re.compile(r"[^\w.@-]+")


class JudgedDirectory(OwnedDirectory):
    """What one judge said of the answers of all subjects."""

    @classmethod
    def of(cls, answers: Path, model: str) -> "JudgedDirectory":
        """Return a judge's directory.

        Args:
            answers: The directory of the answers.
            model: Hub id or folder of the judge.
        """
        return cls(answers / "judged" / (_UNSAFE.sub("-", model).strip("-.") or "judge"))

    @property
    def engine_log(self) -> Path:
        """What vLLM and other libraries print."""
        return self.folder / "engine.log"

    @property
    def report(self) -> Path:
        """What the judge's words come to."""
        return self.folder / "judge.json"

    def ratings(self, subject: str) -> Path:
        """All ratings of a subject's answers: its presence means complete."""
        return self.folder / f"ratings-{subject}.jsonl"

    def comparisons(self, subject: str) -> Path:
        """All comparisons with the base's answers: its presence means complete."""
        return self.folder / f"comparisons-{subject}.jsonl"

    def journal(self, rows: Path, digest: str) -> Path:
        """Completions for a file of rows that is not complete; of certain answers only."""
        return self.folder / "journal" / f"{rows.stem}-{digest[:12]}.jsonl"


def read_complete(kind: type[C], path: Path) -> list[C]:
    """Read a file's rows; none if it is not complete.

    Raises: CorruptFileError: a line is not as it was written.
    """
    return list(read_rows(kind, path)) if path.exists() else []
