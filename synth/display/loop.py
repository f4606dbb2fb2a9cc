"""The table of a loop."""

from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selflengthen.contract.loop_row import Interval, LoopRow, Quality

_UNKNOWN = "-"


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


def _quality_cells(quality: Quality) -> list[str]:
    faults = quality.structural
    return [
        f"{faults.value:.0%}\n{faults.low:.0%} to {faults.high:.0%}",
        _value(quality.distinct_4, ".3f"),
        _value(quality.self_similarity, ".2f"),
        _format(quality.compression, ".2f"),
        _value(quality.volatility, ".0%"),
        ", ".join(
            f"{reason} {share.value:.0%}" for reason, share in islice(quality.faults.items(), 3)
        ),
    ]


def _cells(row: LoopRow) -> list[str]:
    initial, response, held_out = row.num_words.initial, row.num_words.response, row.held_out_words
    return [
        str(row.iteration),
        _format(row.rows, ",d"),
        f"{_change(initial.p50, response.p50)}\n{_change(initial.p90, response.p90)}",
        _format(row.growth, ".2f"),
        "\n".join(_format(share, ".0%") for share in row.acceptance.values()),
        _change(held_out.before, held_out.after),
        f"{_faults(row, 'kept')}\n{_faults(row, 'before')} -> {_faults(row, 'after')}",
        "\n".join(_format(loss, ".3f") for loss in row.loss.values()),
    ]


def _faults(row: LoopRow, texts: str) -> str:
    quality = row.quality.get(texts)
    return _value(quality.structural if quality else None, ".0%")


def _change(before: float | None, after: float | None) -> str:
    return f"{_format(before, ',d')} -> {_format(after, ',d')}"


def _value(interval: Interval | None, form: str) -> str:
    return _format(interval.value if interval else None, form)


def _format(value: float | None, form: str) -> str:
    return _UNKNOWN if value is None else format(value, form)
