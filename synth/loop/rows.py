"""What every macro-iteration of a loop gave, from the files that it left."""

from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from selflengthen.contract.base import Contract
from selflengthen.contract.loop_row import BeforeAfter, LoopLengths, LoopRow, Medians
from selflengthen.contract.manifest import Manifest
from selflengthen.contract.metrics import Metrics
from selflengthen.contract.provenance import Provenance
from selflengthen.errors import CorruptFileError
from selflengthen.files.json_file import read_as
from synth.loop.exams import exams_of
from synth.loop.quality import quality_of_answers, quality_of_records
from synth.method.books.measure import summarize_held_out
from synth.method.stages import DECIDING_STAGES, TRAINED_ROLES, ModelRole, Stage
from synth.run.directory import RunDirectory

C = TypeVar("C", bound=Contract)


def loop_row(directory: RunDirectory, iteration: int) -> LoopRow:
    """Sum a macro-iteration up; what is not known yet, or not given, is null."""
    files = directory.iteration(iteration)
    metrics = _read(Metrics, files.metrics)
    growth = metrics and metrics.num_words.get("growth")
    return LoopRow(
        iteration=iteration,
        asked=metrics and metrics.asked,
        instructions=metrics and metrics.samples.instructions,
        rows=_num_rows(_read(Manifest, files.manifest)),
        num_words=LoopLengths(
            initial=_medians(metrics, "initial"), response=_medians(metrics, "response")
        ),
        growth=growth and growth.p50,
        acceptance={
            stage.value: _acceptance(metrics, stage)
            for stage in DECIDING_STAGES
            if stage is not Stage.EXPAND
        },
        held_out_words=BeforeAfter(
            before=_held_out_words(directory, iteration),
            after=_held_out_words(directory, iteration + 1),
        ),
        quality={
            "kept": quality_of_records(files),
            "before": quality_of_answers(files),
            "after": quality_of_answers(directory.iteration(iteration + 1)),
        },
        loss={role.value: _loss(files.provenance(role)) for role in TRAINED_ROLES},
        exams=exams_of(directory, f"iteration-{iteration}"),
    )


def _num_rows(manifest: Manifest | None) -> int | None:
    """Count the Generator's rows: a record that nearly repeats another makes none."""
    if manifest is None:
        return None
    prefix = f"shards/{ModelRole.GENERATOR.value}-"
    return sum(file.rows for file in manifest.files if file.path.startswith(prefix))


def _medians(metrics: Metrics | None, text: str) -> Medians:
    found = metrics and metrics.num_words.get(text)
    return Medians(p50=found and found.p50, p90=found and found.p90)


def _acceptance(metrics: Metrics | None, stage: Stage) -> float | None:
    """Return the share of a stage's requests that were kept."""
    row = metrics and metrics.acceptance.get(stage)
    return round(row.kept / row.requests, 4) if row and row.requests else None


def _held_out_words(directory: RunDirectory, iteration: int) -> float | None:
    """Return the median length of the held-out answers of an iteration's Generator."""
    summary = summarize_held_out(directory.iteration(iteration).read_held_out())
    return summary.num_words.get("p50") if summary else None


def _loss(path: Path) -> float | None:
    """Return a training's loss; None if the adapter is not one of ours."""
    with suppress(CorruptFileError):
        if provenance := _read(Provenance, path):
            return provenance.metrics.loss
    return None


def _read(kind: type[C], path: Path) -> C | None:
    """Read what another command wrote; None if it did not."""
    return read_as(kind, path, "restore it") if path.is_file() else None
