"""The tables of a judge."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selflengthen.contract.judged.rating import Scores
from selflengthen.contract.judged.report import AgainstBase, JudgedQuality, JudgeReport
from synth.display.figures import format_known, value_of, with_interval


def judged_tables(report: JudgeReport) -> Iterator[Table]:
    """Render the ratings of every subject, then the comparisons with the base, if there are any."""
    yield _ratings(report)
    if any(found.against_base for found in report.subjects.values()):
        yield _comparisons(report)


def _ratings(report: JudgeReport) -> Table:
    names = [name.replace("_and_", " and\n").replace("_", "\n") for name in Scores.model_fields]
    table = Table(
        "subject",
        "answers\nrated",
        "S_q\n95 %",
        *names,
        title=f"rated by {report.judge}",
        box=SIMPLE_HEAD,
    )
    for name, found in report.subjects.items():
        table.add_row(name, *_rated_cells(found))
    return table


def _rated_cells(found: JudgedQuality) -> list[str]:
    return [
        str(found.rated) + (f"\n{found.unrated} unrated" if found.unrated else ""),
        with_interval(found.quality, ".1f"),
        *(value_of(found.dimensions.get(name), ".0f") for name in Scores.model_fields),
    ]


def _comparisons(report: JudgeReport) -> Table:
    table = Table(
        "subject",
        "pairs",
        "won, tied, lost",
        "win rate\n95 %",
        "at equal length\n95 %",
        "longer",
        "both orders\nagree",
        title="against the base, in both orders",
        box=SIMPLE_HEAD,
    )
    for name, found in report.subjects.items():
        if found.against_base:
            table.add_row(name, *_compared_cells(found.against_base))
    return table


def _compared_cells(found: AgainstBase) -> list[str]:
    return [
        str(found.pairs) + (f"\n{found.unjudged} not judged" if found.unjudged else ""),
        f"{found.wins}, {found.ties}, {found.losses}",
        with_interval(found.win_rate, ".0%"),
        with_interval(found.length_controlled, ".0%"),
        format_known(found.longer, ".0%"),
        format_known(found.agreement, ".0%"),
    ]
