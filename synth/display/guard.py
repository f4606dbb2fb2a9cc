"""The table of a guard."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selflengthen.contract.exam.guard_report import Drift, GuardReport
from synth.display.figures import format_known, value_of, with_interval


def guard_tables(report: GuardReport) -> Iterator[Table]:
    """Render what ordinary use and lm-eval's tasks show."""
    yield _subjects(report)
    yield _kinds(report)
    if any(found.tasks for found in report.subjects.values()):
        yield _tasks(report)


def _subjects(report: GuardReport) -> Table:
    table = Table(
        "subject",
        "prompts",
        "KL, nats\nper token",
        "words",
        "times the\nbase's",
        "cut",
        title=f"ordinary use: {report.prompts}, intervals of 95 %",
        box=SIMPLE_HEAD,
    )
    for name, found in report.subjects.items():
        table.add_row(name, *_cells(found.all))
    return table


def _kinds(report: GuardReport) -> Table:
    table = Table("prompts", "count", *report.subjects, title="KL, words written", box=SIMPLE_HEAD)
    first = next(iter(report.subjects.values()))
    for kind, drift in first.by_kind.items():
        cells = [found.by_kind[kind] for found in report.subjects.values()]
        table.add_row(kind, str(drift.prompts), *map(_short, cells))
    return table


def _short(drift: Drift) -> str:
    return f"{value_of(drift.kl, '.3f')}, {drift.num_words.value:.0f}"


def _tasks(report: GuardReport) -> Table:
    table = Table("task", "metric", *report.subjects, title="lm-eval", box=SIMPLE_HEAD)
    results = [found.tasks for found in report.subjects.values()]
    places = {(task, name) for found in results for task in found for name in found[task].metrics}
    for task, name in sorted(places):
        values = [found[task].metrics.get(name) if task in found else None for found in results]
        table.add_row(task, name, *(format_known(value, ".3f") for value in values))
    return table


def _cells(drift: Drift) -> list[str]:
    return [
        str(drift.prompts) + (f"\n{drift.errors} failed" if drift.errors else ""),
        with_interval(drift.kl, ".3f"),
        with_interval(drift.num_words, ".0f"),
        with_interval(drift.growth, ".2f"),
        with_interval(drift.truncated, ".0%"),
    ]
