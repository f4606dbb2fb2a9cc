"""The tables of an evaluation."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selflengthen.contract.exam.evaluation import Evaluation, LengthMeasures
from synth.display.figures import value_of, with_interval


def evaluation_tables(evaluation: Evaluation) -> Iterator[Table]:
    """Render all measures of every subject, then the length score of groups."""
    yield _subjects(evaluation)
    yield _groups(evaluation)


def _subjects(evaluation: Evaluation) -> Table:
    asked = next(iter(evaluation.subjects.values())).all.words_asked
    table = Table(
        "subject",
        "words",
        "length\nscore",
        "above\nbase",
        "S_l",
        "vola-\ntility",
        "faults",
        "cut",
        title=(
            f"{evaluation.suite}: {evaluation.requests} requests x {evaluation.answers_each}, "
            f"{asked:,.0f} words asked for, intervals of 95 %"
        ),
        box=SIMPLE_HEAD,
    )
    for name, found in evaluation.subjects.items():
        table.add_row(name, *_cells(found.all))
    return table


def _cells(measures: LengthMeasures) -> list[str]:
    failed = f"\n{measures.errors} failed" if measures.errors else ""
    return [
        with_interval(measures.num_words, ",.0f"),
        with_interval(measures.length_score, ".1f"),
        with_interval(measures.gain, "+.1f"),
        with_interval(measures.length_quality, ".1f"),
        with_interval(measures.volatility, ".0%"),
        with_interval(measures.structural, ".0%"),
        with_interval(measures.truncated, ".0%") + failed,
    ]


def _groups(evaluation: Evaluation) -> Table:
    table = Table(
        "",
        "",
        "requests",
        *evaluation.subjects,
        title="length score, words written",
        box=SIMPLE_HEAD,
    )
    first = next(iter(evaluation.subjects.values()))
    for name, groups in first.by.items():
        for group in groups:
            cells = [subject.by[name][group] for subject in evaluation.subjects.values()]
            requests = str(groups[group].requests)
            table.add_row(name, group, requests, *(_short(cell) for cell in cells))
    return table


def _short(measures: LengthMeasures) -> str:
    words = measures.num_words
    return f"{measures.length_score.value:.0f}, {value_of(words, ',.0f')}"
