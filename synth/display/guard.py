"""The table of a guard."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selflengthen.contract.guard_report import Drift, GuardReport
from synth.display.figures import with_interval


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
