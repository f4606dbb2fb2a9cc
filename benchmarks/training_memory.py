"""Peak memory of `train sft` against the length of a row: one training of one row per length."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.support.result import report
from benchmarks.support.rows import write_rows
from selflengthen.config_file import load_config
from train.config import ModelConfig, TrainConfig

_MIB = 2**20


@click.command()
@click.option("--config", default="configs/train/cpu.yaml", type=click.Path(path_type=Path))
@click.option("--tokens", default="1024,2048,4096", help="Lengths of a row, in tokens.")
def main(config: Path, tokens: str) -> None:
    """Train on one row of each length, with and without gradient checkpointing."""
    model = load_config(TrainConfig, config, ()).model
    rows = [
        _measure(config, model, int(length), checkpointing)
        for checkpointing in (False, True)
        for length in tokens.split(",")
    ]
    arguments = f"--config {config} --tokens {tokens}"
    report("training_memory", arguments, "peak memory of one training process", rows)


def _measure(config: Path, model: ModelConfig, length: int, checkpointing: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder) / "rows.jsonl", Path(folder) / "log"
        [num_tokens] = write_rows(data, model, [length])
        command = (
            *(sys.executable, "-m", "train", "sft", "--config", str(config)),
            *("--data", str(data), "--out", f"{folder}/adapter"),
            *("-o", f"data.max_row_tokens={length}", "-o", "optimization.epochs=1"),
            *("-o", "optimization.warmup_fraction=0"),
            *("-o", f"memory.gradient_checkpointing={str(checkpointing).lower()}"),
        )
        with log.open("wb") as file:
            process = subprocess.Popen(command, stderr=file)
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise click.ClickException(log.read_text())
        estimate = next(line for line in log.read_text().splitlines() if "estimated" in line)
    return {
        "row tokens": num_tokens,
        "gradient checkpointing": "yes" if checkpointing else "no",
        "peak MiB": usage.ru_maxrss * 1024 // _MIB,
        "estimated GiB": float(estimate.split(":")[1].split()[0]),
    }


if __name__ == "__main__":
    main()
