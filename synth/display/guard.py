"""The table of a guard."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selflengthen.contract.guard_report import Drift, GuardReport
from synth.display.figures import format_known, with_interval


def guard_tables(report: GuardReport) -> Iterator[Table]:
    """Render what ordinary use and lm-eval's tasks show."""
    yield guard_table(report)
    if any(found.tasks for found in report.subjects.values()):
        yield _tasks(report)


def _tasks(report: GuardReport) -> Table:
    table = Table("task", "metric", *report.subjects, title="lm-eval", box=SIMPLE_HEAD)
    results = [found.tasks for found in report.subjects.values()]
    places = {(task, name) for found in results for task in found for name in found[task].metrics}
    for task, name in sorted(places):
        values = [found[task].metrics.get(name) if task in found else None for found in results]
        table.add_row(task, name, *(format_known(value, ".3f") for value in values))
    return table


def guard_table(report: GuardReport) -> Table:
    """Render an entry for every subject, and one for each kind of prompt."""
    table = Table(
        "subject",
        "prompts",
        "count",
        "KL\nnats per token",
        "words",
        "times\nthe base's",
        "truncated",
        title=f"ordinary use: {report.prompts}",
        box=SIMPLE_HEAD,
    )
    for name, found in report.subjects.items():
        table.add_row(name, "all", *_cells(found.all))
        for kind, drift in found.by_kind.items():
            table.add_row("", kind, *_cells(drift))
    return table


def _cells(drift: Drift) -> list[str]:
    return [
        str(drift.prompts) + (f"\n{drift.errors} failed" if drift.errors else ""),
        with_interval(drift.kl, ".3f"),
        with_interval(drift.num_words, ".0f"),
        with_interval(drift.growth, ".2f"),
        with_interval(drift.truncated, ".0%"),
    ]
