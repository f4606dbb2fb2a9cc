"""The table of a loop."""

from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selflengthen.contract.loop_row import Interval, LoopRow, Quality
from synth.display.figures import format_known, value_of


def loop_table(rows: list[LoopRow]) -> Table:
    """Render one entry per macro-iteration."""
    table = Table(
        "#",
        "rows",
        "words\nmedian\np90",
        "growth",
        "kept\ninitial\nextended",
        "held-out\nwords",
        "faults\nkept\nheld-out",
        "loss\nGenerator\nExtender",
        title="macro-iterations",
        box=SIMPLE_HEAD,
    )
    for row in rows:
        table.add_row(*_cells(row))
    return table


def quality_table(rows: list[LoopRow]) -> Table:
    """Render what the kept texts and the held-out answers are like, an entry for each."""
    table = Table(
        "#",
        "texts",
        "faults\n95 %",
        "different\nof 4 words",
        "in other\ntexts",
        "zlib",
        "volatility",
        "commonest faults",
        title="quality",
        box=SIMPLE_HEAD,
    )
    for row in rows:
        for texts, quality in row.quality.items():
            if quality is not None:
                table.add_row(str(row.iteration), texts, *_quality_cells(quality))
    return table


def base_table(rows: list[LoopRow]) -> Table:
    """Render how far every Generator is from the base; an arrow where it is not by chance."""
    table = Table(
        "#",
        "held-out words\nmedian",
        "faults\nheld-out",
        "length score",
        "KL\nnats per token",
        "short answers\ntimes the base's",
        title="against the base",
        box=SIMPLE_HEAD,
    )
    for row in rows:
        table.add_row(str(row.iteration), *_base_cells(row, rows[0]))
    return table


def _base_cells(row: LoopRow, first: LoopRow) -> list[str]:
    return [
        _change(first.held_out_words.before, row.held_out_words.after),
        _moved(_structural(first, "before"), _structural(row, "after"), ".0%"),
        _moved(*_exam(row, "length_score"), ".1f"),
        value_of(_exam(row, "kl")[1], ".3f"),
        value_of(_exam(row, "growth")[1], ".2f"),
    ]


def _exam(row: LoopRow, name: str) -> tuple[Interval | None, Interval | None]:
    found = row.exams.get(name)
    return (found.base, found.after) if found else (None, None)


def _moved(base: Interval | None, after: Interval | None, form: str) -> str:
    """Show a change, and by an arrow that the intervals do not meet."""
    arrow = ""
    if base and after:
        arrow = " ↑" if after.low > base.high else " ↓" if after.high < base.low else ""
    return f"{value_of(base, form)} -> {value_of(after, form)}{arrow}"


def _quality_cells(quality: Quality) -> list[str]:
    faults = quality.structural
    return [
        f"{faults.value:.0%}\n{faults.low:.0%} to {faults.high:.0%}",
        value_of(quality.distinct_4, ".3f"),
        value_of(quality.self_similarity, ".2f"),
        format_known(quality.compression, ".2f"),
        value_of(quality.volatility, ".0%"),
        ", ".join(
            f"{reason} {share.value:.0%}" for reason, share in islice(quality.faults.items(), 3)
        ),
    ]


def _cells(row: LoopRow) -> list[str]:
    initial, response, held_out = row.num_words.initial, row.num_words.response, row.held_out_words
    return [
        str(row.iteration),
        format_known(row.rows, ",d"),
        f"{_change(initial.p50, response.p50)}\n{_change(initial.p90, response.p90)}",
        format_known(row.growth, ".2f"),
        "\n".join(format_known(share, ".0%") for share in row.acceptance.values()),
        _change(held_out.before, held_out.after),
        f"{_faults(row, 'kept')}\n{_faults(row, 'before')} -> {_faults(row, 'after')}",
        "\n".join(format_known(loss, ".3f") for loss in row.loss.values()),
    ]


def _faults(row: LoopRow, texts: str) -> str:
    return value_of(_structural(row, texts), ".0%")


def _structural(row: LoopRow, texts: str) -> Interval | None:
    quality = row.quality.get(texts)
    return quality.structural if quality else None


def _change(before: float | None, after: float | None) -> str:
    return f"{format_known(before, ',d')} -> {format_known(after, ',d')}"
