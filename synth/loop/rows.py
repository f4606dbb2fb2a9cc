"""The table of a loop: what every macro-iteration gave, from the files that it left."""

from pathlib import Path
from typing import Any

import orjson
from rich.box import SIMPLE_HEAD
from rich.table import Table

from selflengthen.errors import DirectoryError
from synth.method.held_out import summarize_held_out
from synth.method.stages import TRAINED_ROLES
from synth.run.directory import RunDirectory

JsonRow = dict[str, Any]

_UNKNOWN = "-"
_DECIDING_STAGES = ("generate", "extend_tail")


def loop_row(directory: RunDirectory, iteration: int) -> JsonRow:
    """Sum a macro-iteration up; what is not known yet, or not given, is null."""
    files = directory.iteration(iteration)
    metrics = _read(files.metrics)
    samples, words = metrics.get("samples", {}), metrics.get("num_words", {})
    return {
        "iteration": iteration,
        "asked": metrics.get("asked"),
        "instructions": samples.get("instructions"),
        "rows": samples.get("records"),
        "num_words": {
            text: {share: words.get(text, {}).get(share) for share in ("p50", "p90")}
            for text in ("initial", "response")
        },
        "growth": words.get("growth", {}).get("p50"),
        "acceptance": {stage: _acceptance(metrics, stage) for stage in _DECIDING_STAGES},
        "held_out_words": {
            "before": _held_out_words(directory, iteration),
            "after": _held_out_words(directory, iteration + 1),
        },
        "loss": {role.value: _loss(files.provenance(role.value)) for role in TRAINED_ROLES},
    }


def loop_table(rows: list[JsonRow]) -> Table:
    """Render one entry per macro-iteration."""
    table = Table(
        "#",
        "rows",
        "words\nmedian\np90",
        "growth",
        "kept\ninitial\nextended",
        "held-out\nwords",
        "loss\nGenerator\nExtender",
        title="macro-iterations",
        box=SIMPLE_HEAD,
    )
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: JsonRow) -> list[str]:
    words, held_out = row["num_words"], row["held_out_words"]
    return [
        str(row["iteration"]),
        _format(row["rows"], ",d"),
        "\n".join(
            _change(words["initial"][share], words["response"][share], ",d")
            for share in ("p50", "p90")
        ),
        _format(row["growth"], ".2f"),
        "\n".join(_format(row["acceptance"][stage], ".0%") for stage in _DECIDING_STAGES),
        _change(held_out["before"], held_out["after"], ",d"),
        "\n".join(_format(row["loss"][role.value], ".3f") for role in TRAINED_ROLES),
    ]


def _change(before: float | None, after: float | None, form: str) -> str:
    return f"{_format(before, form)} -> {_format(after, form)}"


def _format(value: float | None, form: str) -> str:
    return _UNKNOWN if value is None else format(value, form)


def _acceptance(metrics: JsonRow, stage: str) -> float | None:
    """Return the share of a stage's requests that were kept."""
    row = metrics.get("acceptance", {}).get(stage, {})
    return round(row["kept"] / row["requests"], 4) if row.get("requests") else None


def _held_out_words(directory: RunDirectory, iteration: int) -> int | None:
    """Return the median length of the held-out answers of an iteration's Generator."""
    summary = summarize_held_out(directory.iteration(iteration).read_held_out())
    return summary["num_words"].get("p50") if summary else None


def _loss(provenance: Path) -> float | None:
    metrics = _read(provenance).get("metrics")
    loss = metrics.get("loss") if isinstance(metrics, dict) else None
    return float(loss) if isinstance(loss, int | float) else None


def _read(path: Path) -> JsonRow:
    """Read an object that another command wrote; an empty one if it did not."""
    if not path.is_file():
        return {}
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise DirectoryError(f"{path}: not JSON: {error}; restore it") from None
    return content if isinstance(content, dict) else {}
