"""Whether training lengthens answers: held-out answers before and after, greedy and sampled.

`synth run` writes data (unless `--data` has some), `train sft` trains the Generator's adapter on
the longest of the rows, about twice as long as its own answers, and `synth measure` answers the
held-out instructions with and without the adapter.
A step whose product is there is not done again.
"""

import glob
import shlex
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.support.result import report
from selflengthen.config_file import load_config
from selflengthen.errors import EXIT_FEWER_THAN_ASKED
from selflengthen.files.atomic_file import write_json_lines
from synth.config import RunConfig

Answers = list[dict[str, Any]]

_PATH = click.Path(path_type=Path)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is trained on what, and measured how."""

    config: Path
    trainer: Path
    out: Path
    data: tuple[str, ...]
    instructions: int
    longest: float
    held_out: int
    answers: int
    overrides: tuple[str, ...]
    train_overrides: tuple[str, ...]

    @property
    def adapter(self) -> Path:
        """Where the trained adapter appears."""
        return self.out / "adapter"

    @property
    def rows(self) -> Path:
        """The rows that are trained on."""
        return self.out / "longest.jsonl"

    @property
    def arguments(self) -> str:
        """The command line that repeats it in a new folder."""
        data = [part for path in self.data for part in ("--data", path)]
        parts = (
            *("--config", self.config, "--trainer", self.trainer),
            *(data or ("--instructions", self.instructions)),
            *("--longest", self.longest, "--held-out", self.held_out, "--answers", self.answers),
            *_as_options("-o", self.overrides),
            *_as_options("--train-option", self.train_overrides),
        )
        return shlex.join(map(str, parts))

    def synthesize(self) -> tuple[str, ...]:
        """Return patterns of the Generator's shards, made here if none were given."""
        if self.data:
            return self.data
        folder = self.out / "data"
        sizes = ("-o", f"num_instructions={self.instructions}", "-o", "held_out.num_instructions=0")
        overrides = (*_as_options("-o", self.overrides), *sizes)
        _call("synth", "run", "--config", self.config, "--out", folder, *overrides)
        return (f"{folder}/iteration-1/shards/generator-*.jsonl",)

    def train(self, shards: tuple[str, ...]) -> None:
        """Train the adapter on the longest rows."""
        files = sorted({file for pattern in shards for file in glob.glob(pattern, recursive=True)})
        lines = [line for file in files for line in Path(file).read_bytes().splitlines()]
        rows = sorted(map(orjson.loads, lines), key=lambda row: -row["num_words"])
        write_json_lines(self.rows, rows[: max(1, round(len(rows) * self.longest))])
        overrides = _as_options("-o", self.train_overrides)
        files_in_out = ("--data", self.rows, "--out", self.adapter)
        _call("train", "sft", "--config", self.trainer, *files_in_out, *overrides)

    def greedy(self) -> tuple[str, ...]:
        """Return what makes the answers greedy, whichever section sets their decoding."""
        config = load_config(RunConfig, self.config, self.overrides)
        sampled = config.held_out.decoding or config.generate.decoding or config.decoding
        decoding = sampled.model_copy(update={"temperature": 0.0}).model_dump_json()
        return ("-o", f"held_out.decoding={decoding}", "-o", "held_out.answers=1")

    def measure(self, name: str, *changes: str) -> Answers:
        """Return the held-out answers under changed settings."""
        folder = self.out / name
        size = (f"held_out.num_instructions={self.held_out}", f"held_out.answers={self.answers}")
        overrides = (*_as_options("-o", (*self.overrides, *size)), *changes)
        where = ("--config", self.config, "--out", folder, "--iteration", 1)
        _call("synth", "measure", *where, *overrides)
        lines = (folder / "iteration-1" / "held_out.jsonl").read_bytes().splitlines()
        return [orjson.loads(line) for line in lines]


@click.command()
@click.option("--config", default="configs/cpu.yaml", type=_PATH)
@click.option("--trainer", default="configs/train/cpu.yaml", type=_PATH)
@click.option("--out", default="runs/learning-signal", type=_PATH)
@click.option("--data", multiple=True, help="Shards of the Generator; without, some are made.")
@click.option("--instructions", default=24, type=click.IntRange(min=1), help="To make data from.")
@click.option("--longest", default=0.5, type=click.FloatRange(0.0, 1.0, min_open=True))
@click.option("--held-out", default=16, type=click.IntRange(min=1), help="To measure with.")
@click.option("--answers", default=1, type=click.IntRange(min=1), help="To each, sampled.")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Of --config.")
@click.option("--train-option", "train_overrides", multiple=True, metavar="KEY=VALUE")
def main(**arguments: Any) -> None:  # noqa: ANN401 - what click read
    """Print the length of held-out answers before and after."""
    experiment = Experiment(**arguments)
    decodings = {"greedy": experiment.greedy(), "sampled": ()}
    experiment.train(experiment.synthesize())
    trained = ("-o", f"adapters.generator={experiment.adapter}")
    rows = []
    for decoding, changes in decodings.items():
        before = experiment.measure(f"{decoding}-before", *changes)
        after = experiment.measure(f"{decoding}-after", *changes, *trained)
        rows += _compare(decoding, before, after)
    title = f"words of answers to {experiment.held_out} held-out instructions"
    trained_on = _describe(experiment)
    report("learning_signal", experiment.arguments, title, rows, trained_on=trained_on)


def _compare(decoding: str, before: Answers, after: Answers) -> list[dict[str, Any]]:
    """Return one row per statistic, with its ratio."""
    both = zip(_statistics(before).items(), _statistics(after).values(), strict=True)
    return [
        {
            "decoding": decoding,
            "answers": len(after),
            "statistic": name,
            "before": old,
            "after": new,
            "ratio": round(new / old, 3) if old and new is not None else None,
        }
        for (name, old), new in both
    ]


def _statistics(answers: Answers) -> dict[str, float | None]:
    """Describe lengths; one that babbles to the limit says little of how long answers are.

    Raises: ClickException: a request failed, so that the two sides are not comparable.
    """
    if any(answer["finish_reason"] == "error" for answer in answers):
        raise click.ClickException("a request failed; repeat the measure in a new --out")
    words = [answer["num_words"] for answer in answers]
    ended = [answer["num_words"] for answer in answers if answer["finish_reason"] != "length"]
    passed = [answer["num_words"] for answer in answers if answer["reason"] is None]
    return {
        "mean words": statistics.mean(words),
        "median words": statistics.median(words),
        "mean words if not truncated": statistics.mean(ended) if ended else None,
        "mean words if the filter passes": statistics.mean(passed) if passed else None,
        "truncated": len(words) - len(ended),
        "passed": len(passed),
    }


def _describe(experiment: Experiment) -> dict[str, Any]:
    provenance = orjson.loads((experiment.adapter / "provenance.json").read_bytes())
    lines = experiment.rows.read_bytes().splitlines()
    return {
        "rows": provenance["rows"]["used"],
        "mean words": statistics.mean(orjson.loads(line)["num_words"] for line in lines),
        "mean completion tokens": provenance["tokens"]["completion"] / provenance["rows"]["used"],
        "metrics": provenance["metrics"],
    }


def _as_options(option: str, overrides: tuple[str, ...]) -> list[str]:
    return [part for override in overrides for part in (option, override)]


def _call(*command: object) -> None:
    ended = subprocess.run([sys.executable, "-m", *map(str, command)], check=False)
    if ended.returncode not in (0, EXIT_FEWER_THAN_ASKED):
        raise click.ClickException(f"{command[0]} {command[1]}: exit {ended.returncode}")


if __name__ == "__main__":
    main()
