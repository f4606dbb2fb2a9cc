"""Whether training lengthens answers: held-out answers before and after, greedy and sampled.

`synth run` writes data, `train sft` trains the Generator's adapter on rows whose answers are longer
than its own, and `synth measure` answers the held-out instructions with and without the adapter.
A step whose product is there is not done again.
"""

import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.result import report

_GREEDY = ("-o", "generate.decoding.temperature=0")


@click.command()
@click.option("--config", default="configs/cpu.yaml", type=click.Path(path_type=Path))
@click.option("--trainer", default="configs/train/cpu.yaml", type=click.Path(path_type=Path))
@click.option("--out", default="runs/learning-signal", type=click.Path(path_type=Path))
@click.option("--instructions", default=30, type=click.IntRange(min=1), help="To train on.")
@click.option("--held-out", default=16, type=click.IntRange(min=1), help="To measure with.")
def main(config: Path, trainer: Path, out: Path, instructions: int, held_out: int) -> None:
    """Print the length of held-out answers before and after."""
    data, adapter = out / "data", out / "adapter"
    sizes = ("-o", f"num_instructions={instructions}", "-o", "held_out.num_instructions=0")
    _call("synth", "run", "--config", config, "--out", data, *sizes)
    shards = data / "iteration-1" / "shards" / "generator-*.jsonl"
    _call("train", "sft", "--config", trainer, "--data", shards, "--out", adapter)
    rows = []
    for decoding, overrides in (("greedy", _GREEDY), ("sampled", ())):
        before, after = (
            _answers(config, out / f"{decoding}-{name}", held_out, (*overrides, *adapters))
            for name, adapters in (
                ("before", ()),
                ("after", ("-o", f"adapters.generator={adapter}")),
            )
        )
        rows.append(_compare(decoding, before, after))
    arguments = f"--config {config} --trainer {trainer} --instructions {instructions}"
    title = f"words of {held_out} held-out answers, before and after training"
    report("learning_signal", arguments, title, rows, trained_on=_describe(data))


def _answers(config: Path, out: Path, number: int, overrides: tuple[str, ...]) -> list[Any]:
    size = ("-o", f"held_out.num_instructions={number}")
    _call("synth", "measure", "--config", config, "--out", out, "--iteration", 1, *size, *overrides)
    lines = (out / "iteration-1" / "held_out.jsonl").read_bytes().splitlines()
    return [orjson.loads(line) for line in lines]


def _compare(decoding: str, before: list[Any], after: list[Any]) -> dict[str, Any]:
    words = [[answer["num_words"] for answer in answers] for answers in (before, after)]
    return {
        "decoding": decoding,
        "answers": len(after),
        "mean before": statistics.mean(words[0]),
        "mean after": statistics.mean(words[1]),
        "ratio": round(statistics.mean(words[1]) / statistics.mean(words[0]), 3),
        "median before": statistics.median(words[0]),
        "median after": statistics.median(words[1]),
        "truncated before": sum(answer["finish_reason"] == "length" for answer in before),
        "truncated after": sum(answer["finish_reason"] == "length" for answer in after),
    }


def _describe(data: Path) -> dict[str, Any]:
    metrics = orjson.loads((data / "iteration-1" / "metrics.json").read_bytes())
    return {"records": metrics["samples"]["records"], "num_words": metrics["num_words"]}


def _call(*command: object) -> None:
    subprocess.run([sys.executable, "-m", *map(str, command)], check=True)


if __name__ == "__main__":
    main()
