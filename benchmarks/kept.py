"""What a run kept: the share of records with structural faults by rule, growth, what they cost.

    python -m benchmarks.kept --run runs/before --run runs/after

reads run directories; without `--run` it makes one of `--instructions` first. All are judged by the
default profile of this version, whichever filter they were written with.
"""

import shlex
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from benchmarks.support.result import report
from filters.profile import DefaultProfile
from filters.rule import Circumstances
from selflengthen.contract.metrics import Metrics
from selflengthen.contract.record import Record
from selflengthen.errors import EXIT_FEWER_THAN_ASKED
from selflengthen.files.json_file import read_as
from synth.run.directory import RunDirectory

_PROFILE = DefaultProfile()
_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--run", "runs", multiple=True, type=_PATH, help="A run directory; give several.")
@click.option("--config", default="configs/cpu.yaml", type=_PATH)
@click.option("--out", default="runs/kept", type=_PATH, help="The run that is made without --run.")
@click.option("--instructions", default=32, type=click.IntRange(min=1), help="To make it of.")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Of --config.")
def main(
    runs: tuple[Path, ...],
    config: Path,
    out: Path,
    instructions: int,
    overrides: tuple[str, ...],
) -> None:
    """Judge what runs kept."""
    options = [part for value in overrides for part in ("-o", value)]
    if not runs:
        size = ["-o", f"num_instructions={instructions}"]
        command = ["run", "--config", str(config), "--out", str(out), *options, *size]
        done = subprocess.run([sys.executable, "-m", "synth", *command], check=False)
        if done.returncode not in (0, EXIT_FEWER_THAN_ASKED):
            raise SystemExit(done.returncode)
    named = [part for run in runs for part in ("--run", str(run))]
    made = ["--config", str(config), "--instructions", str(instructions), *options]
    rows = [_row(run) for run in runs or (out,)]
    report("kept", shlex.join(named or made), "kept records", rows)


def _row(run: Path) -> dict[str, Any]:
    files = RunDirectory(run).iteration(1)
    records = list(files.read_records())
    faults = [fault for record in records if (fault := _fault(record))]
    growth = [record.growth for record in records]
    num_words = sum(record.num_words.response for record in records)
    tokens = read_as(Metrics, files.metrics, "let the run go on").tokens.generated
    return {
        "run": run.name,
        "records": len(records),
        "structural faults": f"{len(faults) / len(records):.0%}" if records else None,
        "by rule": ", ".join(f"{rule} {n}" for rule, n in Counter(faults).most_common()),
        "growth, median": round(statistics.median(growth), 2) if growth else None,
        "words, median": statistics.median(record.num_words.response for record in records)
        if records
        else None,
        "words per 1,000 tokens": round(1000 * num_words / tokens),
    }


def _fault(record: Record) -> str | None:
    text = _PROFILE.trim(record.response)
    return _PROFILE.structural_fault(text, Circumstances(record.instruction))


if __name__ == "__main__":
    main()
