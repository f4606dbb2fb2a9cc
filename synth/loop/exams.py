"""What the exams of a loop's models showed, from the files that they left."""

from pathlib import Path
from typing import TypeVar

from selflengthen.contract.base import Contract
from selflengthen.contract.exam.evaluation import Evaluation
from selflengthen.contract.exam.guard_report import GuardReport
from selflengthen.contract.loop_row import Exam
from selflengthen.files.json_file import read_as
from synth.eval.guard_exam import REPORT
from synth.eval.length_exam import SUMMARY
from synth.eval.subjects import BASE
from synth.run.directory import RunDirectory

C = TypeVar("C", bound=Contract)

_REMEDY = "delete it; `synth eval` or `synth guard` writes it anew"


def exams_of(directory: RunDirectory, subject: str) -> dict[str, Exam]:
    """Return the figures of a model that sat the exams; none where it did not."""
    found: dict[str, Exam] = {}
    evaluation = _read(Evaluation, directory.eval_folder / SUMMARY)
    if evaluation and (measured := evaluation.subjects.get(subject)):
        base = evaluation.subjects.get(BASE)
        found["length_score"] = Exam(
            base=base.all.length_score if base else None, after=measured.all.length_score
        )
    report = _read(GuardReport, directory.guard_folder / REPORT)
    if report and (drift := report.subjects.get(subject)):
        figures = {"kl": drift.all.kl, "growth": drift.all.growth}
        found |= {name: Exam(base=None, after=value) for name, value in figures.items() if value}
    return found


def warnings_of(directory: RunDirectory, subject: str) -> tuple[str, ...]:
    """Return what exceeds the limits of `guard`."""
    report = _read(GuardReport, directory.guard_folder / REPORT)
    return report.subjects[subject].warnings if report and subject in report.subjects else ()


def _read(kind: type[C], path: Path) -> C | None:
    return read_as(kind, path, _REMEDY) if path.is_file() else None
