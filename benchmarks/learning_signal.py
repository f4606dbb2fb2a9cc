"""Whether training lengthens answers: held-out answers before and after, greedy and sampled.

`synth run` writes data (unless `--data` has some), `train sft` trains the Generator's adapter on
the longest of the rows, about twice as long as its own answers, and `synth measure` answers the
held-out instructions with and without the adapter.
A step whose product is there is not done again.
"""

import glob
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.result import report
from foundation.atomic_file import write_json_lines
from foundation.errors import EXIT_FEWER_THAN_ASKED

_GREEDY = ("-o", "generate.decoding.temperature=0")


@click.command()
@click.option("--config", default="configs/cpu.yaml", type=click.Path(path_type=Path))
@click.option("--trainer", default="configs/train/cpu.yaml", type=click.Path(path_type=Path))
@click.option("--out", default="runs/learning-signal", type=click.Path(path_type=Path))
@click.option("--data", multiple=True, help="Shards of the Generator; without, some are made.")
@click.option("--instructions", default=24, type=click.IntRange(min=1), help="To make data from.")
@click.option("--train-option", "options", multiple=True, metavar="KEY=VALUE")
@click.option("--longest", default=0.5, type=click.FloatRange(0.0, 1.0, min_open=True))
@click.option("--held-out", default=16, type=click.IntRange(min=1), help="To measure with.")
@click.option("--samples", default=1, type=click.IntRange(min=1), help="Answers to each, sampled.")
def main(
    config: Path,
    trainer: Path,
    out: Path,
    data: tuple[str, ...],
    instructions: int,
    options: tuple[str, ...],
    longest: float,
    held_out: int,
    samples: int,
) -> None:
    """Print the length of held-out answers before and after."""
    adapter = out / "adapter"
    shards = data or (_synthesize(config, out / "data", instructions),)
    rows_file = _pick_longest(shards, longest, out / "longest.jsonl")
    changes = [part for option in options for part in ("-o", option)]
    _call("train", "sft", "--config", trainer, "--data", rows_file, "--out", adapter, *changes)
    rows = []
    trained = ("-o", f"adapters.generator={adapter}")
    for decoding, draws in (("greedy", [_GREEDY]), ("sampled", _draws(samples))):
        before, after = (
            [
                answer
                for number, draw in enumerate(draws)
                for answer in _answers(
                    config, out / f"{decoding}-{name}-{number}", held_out, (*draw, *adapters)
                )
            ]
            for name, adapters in (("before", ()), ("after", trained))
        )
        rows += _compare(decoding, before, after)
    source = (
        " ".join(f"--data {path}" for path in data) if data else f"--instructions {instructions}"
    )
    changed = "".join(f" --train-option {option}" for option in options)
    arguments = f"--config {config} --trainer {trainer} {source}{changed}"
    arguments += f" --longest {longest} --held-out {held_out} --samples {samples}"
    title = f"words of {held_out} held-out answers, before and after training"
    report("learning_signal", arguments, title, rows, trained_on=_describe(adapter))


def _draws(number: int) -> list[tuple[str, ...]]:
    """Return overrides under which the same instructions are answered anew."""
    anew = ("-o", "engine.per_request_seeds=true", "-o")
    return [(*anew, f"seed={seed}") for seed in range(number)]


def _synthesize(config: Path, data: Path, instructions: int) -> str:
    sizes = ("-o", f"num_instructions={instructions}", "-o", "held_out.num_instructions=0")
    _call("synth", "run", "--config", config, "--out", data, *sizes)
    return f"{data}/iteration-1/shards/generator-*.jsonl"


def _pick_longest(shards: Sequence[str], share: float, path: Path) -> Path:
    """Write the longest rows of shards to one file."""
    files = sorted(file for pattern in shards for file in glob.glob(pattern))
    rows = [orjson.loads(line) for file in files for line in Path(file).read_bytes().splitlines()]
    rows.sort(key=lambda row: -row["num_words"])
    write_json_lines(path, rows[: max(1, round(len(rows) * share))])
    return path


def _answers(config: Path, out: Path, number: int, overrides: tuple[str, ...]) -> list[Any]:
    size = ("-o", f"held_out.num_instructions={number}")
    _call("synth", "measure", "--config", config, "--out", out, "--iteration", 1, *size, *overrides)
    lines = (out / "iteration-1" / "held_out.jsonl").read_bytes().splitlines()
    return [orjson.loads(line) for line in lines]


def _compare(decoding: str, before: list[Any], after: list[Any]) -> list[dict[str, Any]]:
    """Return one row per statistic, with its ratio."""
    both = zip(_statistics(before).items(), _statistics(after).values(), strict=True)
    return [
        {
            "decoding": decoding,
            "answers": len(after),
            "statistic": name,
            "before": old,
            "after": new,
            "ratio": round(new / old, 3) if old else None,
        }
        for (name, old), new in both
    ]


def _statistics(answers: list[Any]) -> dict[str, float]:
    """Describe lengths; one that babbles to the limit says little of how long answers are."""
    words = [answer["num_words"] for answer in answers]
    ended = [answer["num_words"] for answer in answers if answer["finish_reason"] != "length"]
    return {
        "mean words": statistics.mean(words),
        "median words": statistics.median(words),
        "mean words if not truncated": statistics.mean(ended),
        "truncated": len(words) - len(ended),
    }


def _describe(adapter: Path) -> dict[str, Any]:
    provenance = orjson.loads((adapter / "provenance.json").read_bytes())
    lines = (adapter.parent / "longest.jsonl").read_bytes().splitlines()
    return {
        "rows": provenance["rows"]["used"],
        "mean words": statistics.mean(orjson.loads(line)["num_words"] for line in lines),
        "mean completion tokens": provenance["tokens"]["completion"] / provenance["rows"]["used"],
        "metrics": provenance["metrics"],
    }


def _call(*command: object) -> None:
    ended = subprocess.run([sys.executable, "-m", *map(str, command)], check=False)
    if ended.returncode not in (0, EXIT_FEWER_THAN_ASKED):
        raise click.ClickException(f"{command[0]} {command[1]}: exit {ended.returncode}")


if __name__ == "__main__":
    main()
