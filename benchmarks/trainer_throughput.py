"""`train sft` against TRL's own `trl sft` on the same rows: tokens per second, and rows cut.

Both train the same adapter on the same rows, one per step, in the same precision, one after the
other, several times. A speed is the tokens between the first and the last step by the time between.
"""

import ast
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from benchmarks.support.result import report
from benchmarks.support.rows import write_rows
from selflengthen.config_file import load_config
from train.config import TrainConfig
from train.lora_model import native_dtype
from train.report.step_log import read_steps

_LENGTHS = (320, 480, 640, 1200, 400, 560, 1040, 800)


@dataclass(frozen=True)
class Speed:
    """What one training did."""

    tokens_per_s: float
    num_tokens: int


@click.command()
@click.option("--config", default="configs/train/cpu.yaml", type=click.Path(path_type=Path))
@click.option("--runs", default=3, type=click.IntRange(min=1))
def main(config: Path, runs: int) -> None:
    """Print both speeds, their ratio, and how many rows each left whole."""
    settings = load_config(TrainConfig, config, ())
    pairs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        num_tokens_N = write_rows(folder / "rows" / "rows.jsonl", settings.model, _LENGTHS)
        for _ in range(runs):
            pairs.append((_ours(config, folder), _plain(settings, folder)))
            click.echo(f"train sft {pairs[-1][0]}, trl sft {pairs[-1][1]}", err=True)
    total = sum(num_tokens_N)
    rows = [
        {
            "trainer": trainer,
            "tokens/s": statistics.median(pair[side].tokens_per_s for pair in pairs),
            "tokens of the rows": total,
            "tokens trained on": pairs[0][side].num_tokens,
            "rows cut": "0" if pairs[0][side].num_tokens == total else str(_num_cut(num_tokens_N)),
        }
        for side, trainer in enumerate(("train sft", "trl sft"))
    ]
    ratio = statistics.median(ours.tokens_per_s / plain.tokens_per_s for ours, plain in pairs)
    report(
        "trainer_throughput",
        f"--config {config} --runs {runs}",
        f"{len(num_tokens_N)} rows; train sft / trl sft: {ratio:.2f} (median of {runs})",
        rows,
        ratio=round(ratio, 3),
    )


def _ours(config: Path, folder: Path) -> Speed:
    out = folder / "ours"
    _call("train", "sft", "--config", config, "--data", folder / "rows", "--out", out,
          "-o", "optimization.epochs=1", "-o", "optimization.warmup_fraction=0",
          "-o", "optimization.rows_per_device=1",
          "-o", "optimization.gradient_accumulation_steps=1")  # fmt: skip
    last = read_steps(out / "metrics.jsonl")[-1]
    shutil.rmtree(out)
    return Speed(last["tokens_per_s"], int(last["num_tokens"]))


def _plain(settings: TrainConfig, folder: Path) -> Speed:
    """Run `trl sft` with its defaults, but for what `train sft` is told too."""
    lora, dtype = settings.lora, str(native_dtype(settings.model)).removeprefix("torch.")
    command = (
        *(Path(sys.executable).with_name("trl"), "sft"),
        *("--model_name_or_path", settings.model.name, "--dtype", dtype),
        *("--bf16", dtype == "bfloat16", "--use_cpu", not torch.accelerator.is_available()),
        *("--dataset_name", folder / "rows"),
        *("--use_peft", "--lora_r", lora.rank, "--lora_alpha", int(lora.alpha)),
        *("--lora_dropout", lora.dropout, "--lora_target_modules", lora.target_modules),
        *("--learning_rate", settings.optimization.learning_rate, "--num_train_epochs", 1),
        *("--per_device_train_batch_size", 1, "--gradient_accumulation_steps", 1),
        *("--gradient_checkpointing", settings.memory.gradient_checkpointing),
        *("--logging_steps", 1, "--save_strategy", "no", "--report_to", "none"),
        *("--disable_tqdm", True, "--output_dir", folder / "plain"),
    )
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    lines, steps = [], []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("{") and "num_tokens" in line:
            steps.append((time.monotonic(), int(float(ast.literal_eval(line)["num_tokens"]))))
    if process.wait() or len(steps) < 2:
        raise click.ClickException("".join(lines[-20:]))
    shutil.rmtree(folder / "plain", ignore_errors=True)
    (began, first), (ended, last) = steps[0], steps[-1]
    return Speed((last - first) / (ended - began), last)


def _num_cut(num_tokens_N: list[int]) -> int:
    """Count the rows above the length at which TRL cuts by default."""
    from trl import SFTConfig

    limit = SFTConfig.__dataclass_fields__["max_length"].default
    return sum(num_tokens > limit for num_tokens in num_tokens_N)


def _call(*command: object) -> None:
    subprocess.run(
        [sys.executable, "-m", *map(str, command)], check=True, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    main()
