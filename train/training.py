"""`train sft` from its arguments to a published adapter."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selflengthen.adapter.digest import PROVENANCE_FILE, WEIGHTS_FILE
from selflengthen.files.atomic_file import write_json
from selflengthen.files.digest import digest_of
from selflengthen.packages import require
from train.config import TrainConfig
from train.data.example import Examples, encode_row, sort_out
from train.data.inputs import TrainingInputs, training_date
from train.data.mix import mixed_in
from train.data.shard_reader import Shard, read_shards
from train.processes import is_main_process
from train.report.provenance import provenance_of, training_metrics
from train.trackers import check_trackers
from train.training_directory import TrainingDirectory

if TYPE_CHECKING:
    from train.adapter.continued import ContinuedAdapter
    from train.data.tokenizer import TrainTokenizer

_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "matplotlib")


def train_adapter(
    config: TrainConfig,
    paths: Sequence[str],
    out: Path,
    previous: Path | None,
    *,
    dry_run: bool = False,
) -> None:
    """Train one adapter, or go on with a training that was stopped.

    Args:
        dry_run: Only check what can be checked before a training; nothing is written.

    Raises: ShardError, AdapterError, ConfigError, DirectoryError: what is wrong with the input.
    """
    require("train sft", _PACKAGES)
    # Libraries tell nobody what is trained here.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    _see_one_gpu()
    shards, directory = _read_all(paths, config), TrainingDirectory(out)
    continued = _read_continued(previous, config)
    today = training_date(config, directory, shards, previous)
    inputs = TrainingInputs(config, shards, continued, today)
    if directory.is_finished(inputs.resolve()):
        click.echo(f"{out}: already trained", err=True)
    elif dry_run:
        _check(inputs)
    else:
        _train(inputs, directory)


def _read_all(paths: Sequence[str], config: TrainConfig) -> tuple[Shard, ...]:
    shards = read_shards(paths)
    num_rows = sum(len(shard.rows) for shard in shards)
    return (*shards, *mixed_in(config.data.mix, num_rows, config.seed))


def _see_one_gpu() -> None:
    """Hide all GPUs but the first one, unless a launcher gave each process its own.

    TRL refuses one process that sees several.
    """
    if "WORLD_SIZE" not in os.environ:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[0]


def _check(inputs: TrainingInputs) -> None:
    """Check rows, template, base and machine; say what would be trained."""
    from train.data.tokenizer import load_tokenizer
    from train.readiness import check_ready
    from train.report.outlook import describe_rows

    examples = _encode(inputs, load_tokenizer(inputs.config.model, inputs.today))
    check_ready(inputs.config)
    if is_main_process():
        for line in [*describe_rows(examples), "nothing is trained in a dry run"]:
            click.echo(line, err=True)


def _train(inputs: TrainingInputs, directory: TrainingDirectory) -> None:
    """Train and publish; whatever is wrong with the rows is found before the directory is taken."""
    from train.data.tokenizer import load_tokenizer
    from train.sft import fit

    check_trackers(inputs.config)
    tokenizer = load_tokenizer(inputs.config.model, inputs.today)
    examples = _encode(inputs, tokenizer)
    with _claimed(directory, inputs) if is_main_process() else nullcontext():
        fit(inputs.config, examples, tokenizer.tokenizer, directory, inputs.previous)
        if is_main_process():
            _publish(directory, inputs, examples, tokenizer.template_sha256)


@contextmanager
def _claimed(directory: TrainingDirectory, inputs: TrainingInputs) -> Iterator[None]:
    with directory.work.locked():
        directory.work.claim(inputs.resolve())
        yield


def _encode(inputs: TrainingInputs, tokenizer: "TrainTokenizer") -> Examples:
    """Encode every row.

    Raises: ShardError: one that cannot be trained on, with its place.
    """
    encoder, end_ids = tokenizer.encoder, tokenizer.end_of_turn_ids
    encoded = (encode_row(row, encoder, end_ids) for row in inputs.rows)
    return sort_out(encoded, inputs.config.data)


def _read_continued(previous: Path | None, config: TrainConfig) -> "ContinuedAdapter | None":
    if previous is None:
        return None
    from train.adapter.continued import read_continued

    return read_continued(previous, config)


def _publish(
    directory: TrainingDirectory, inputs: TrainingInputs, examples: Examples, template_sha256: str
) -> None:
    """Check the adapter, write where it comes from, and let it appear."""
    from train.adapter.check import check_adapter
    from train.report.loss_curve import draw_loss_curve
    from train.report.step_log import read_steps

    folder = directory.work.folder
    check_adapter(folder, inputs.config.model.name)
    steps = read_steps(directory.metrics)
    draw_loss_curve(steps, folder / "loss.png")
    metrics = training_metrics(steps, inputs.config.optimization.epochs)
    sha256 = digest_of(folder / WEIGHTS_FILE)
    provenance = provenance_of(inputs, examples, template_sha256, sha256, metrics)
    write_json(folder / PROVENANCE_FILE, provenance)
    directory.publish()
    click.echo(
        f"{directory.out}: {metrics.steps} steps, loss {metrics.first_loss:.3f} -> "
        f"{metrics.loss:.3f}",
        err=True,
    )
