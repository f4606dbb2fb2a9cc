"""What a training tells step by step: `metrics.jsonl`, and one line for the person."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from selflengthen.files.atomic_file import write_json_lines
from train.training_directory import mark_complete

_LINE_INTERVAL_S = 10.0


class StepLog(TrainerCallback):  # type: ignore[misc]
    """Writes every logged step, and marks checkpoints that are complete."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._started = self._last_line = clock()
        self._first: tuple[int, int] | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        """Forget the steps that will be done again."""
        if state.is_world_process_zero and self._path.exists():
            kept = [row for row in read_steps(self._path) if row["step"] <= state.global_step]
            write_json_lines(self._path, kept)
        self._started = self._clock()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Write one step down."""
        if not state.is_world_process_zero or not logs or not {"loss", "eval_loss"} & set(logs):
            return
        row = {"step": state.global_step, **self._pace(state, logs), **logs}
        row.pop("epoch", None)
        with self._path.open("ab") as file:
            file.write(json.dumps(row).encode() + b"\n")
        if "loss" in logs:
            self._show(row, state.max_steps)

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        """Mark the checkpoint that was just written."""
        if state.is_world_process_zero:
            mark_complete(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")

    def _pace(self, state: TrainerState, logs: dict[str, Any]) -> dict[str, float]:
        """Return tokens per second and seconds left, from the first step of this process on."""
        num_tokens = int(logs.get("num_tokens", 0))
        if self._first is None:
            self._first = (state.global_step, num_tokens)
            self._started = self._clock()
            return {}
        steps, tokens = state.global_step - self._first[0], num_tokens - self._first[1]
        seconds = max(self._clock() - self._started, 1e-9)
        left = seconds / max(steps, 1) * (state.max_steps - state.global_step)
        return {"tokens_per_s": round(tokens / seconds, 1), "seconds_left": round(left, 1)}

    def _show(self, row: dict[str, Any], num_steps: int) -> None:
        now, is_last = self._clock(), row["step"] == num_steps
        is_live = sys.stderr.isatty()
        if not is_live and not is_last and now - self._last_line < _LINE_INTERVAL_S:
            return
        self._last_line = now
        line = f"step {row['step']}/{num_steps}, loss {row['loss']:.4f}"
        if "seconds_left" in row:
            minutes, seconds = divmod(int(row["seconds_left"]), 60)
            line += f", {row['tokens_per_s']:,.0f} tokens/s, left {minutes}:{seconds:02}"
        end = "\n" if is_last or not is_live else ""
        sys.stderr.write(f"\r\x1b[K{line}{end}" if is_live else f"{line}\n")
        sys.stderr.flush()


def read_steps(path: Path) -> list[dict[str, Any]]:
    """Read the steps that were written; a torn last line is left out."""
    rows = []
    for line in path.read_bytes().splitlines():
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return rows
