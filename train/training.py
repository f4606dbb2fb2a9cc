"""`train sft` from its arguments to a published adapter."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foundation.adapter_digest import PROVENANCE_FILE, WEIGHTS_FILE
from foundation.atomic_file import write_json
from foundation.digest import digest_of
from foundation.errors import ConfigError
from foundation.resolved_config import resolve
from train.config import TrainConfig
from train.example import encode_row, sort_out
from train.provenance import PACKAGES, provenance_of, training_inputs, training_metrics
from train.shard_reader import Shard, read_shards
from train.training_directory import TrainingDirectory

if TYPE_CHECKING:
    from train.continued_adapter import ContinuedAdapter


def train_adapter(
    config: TrainConfig, paths: Sequence[str], out: Path, previous: Path | None
) -> None:
    """Train one adapter, or go on with a training that was stopped.

    Raises: ShardError, AdapterError, ConfigError, DirectoryError: what is wrong with the input.
    """
    if find_spec("trl") is None:
        raise ConfigError("trl is not installed; pip install '.[train]'")
    # Libraries tell nobody what is trained here.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    _see_one_gpu()
    shards = read_shards(paths)
    continued = _read_continued(previous, config)
    directory = TrainingDirectory(out)
    resolved = resolve(config, training_inputs(shards, continued), PACKAGES)
    if directory.is_finished(resolved):
        click.echo(f"{out}: already trained", err=True)
        return
    if not _is_main_process():
        _train(config, shards, directory, continued)
        return
    with directory.work.locked():
        directory.work.claim(resolved)
        _train(config, shards, directory, continued)


def _see_one_gpu() -> None:
    """Hide all GPUs but the first one, unless a launcher gave each process its own.

    TRL refuses one process that sees several.
    """
    if "WORLD_SIZE" not in os.environ:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[0]


def _train(
    config: TrainConfig,
    shards: Sequence[Shard],
    directory: TrainingDirectory,
    continued: "ContinuedAdapter | None",
) -> None:
    from train.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(config.model)
    rows = [row for shard in shards for row in shard.rows]
    encoded = (encode_row(row, tokenizer.encoder, tokenizer.end_of_turn_ids) for row in rows)
    examples = sort_out(encoded, config.data)

    from train.sft import fit

    previous = continued.folder if continued else None
    fit(config, examples, tokenizer.tokenizer, directory, previous)
    if _is_main_process():
        sources = provenance_of(config, shards, continued, examples, tokenizer.template_sha256)
        _publish(directory, config, sources)


def _read_continued(previous: Path | None, config: TrainConfig) -> "ContinuedAdapter | None":
    if previous is None:
        return None
    from train.continued_adapter import read_continued

    return read_continued(previous, config)


def _publish(directory: TrainingDirectory, config: TrainConfig, sources: dict[str, Any]) -> None:
    """Check the adapter, write where it comes from, and let it appear."""
    from train.adapter_check import check_adapter
    from train.loss_curve import draw_loss_curve
    from train.step_log import read_steps

    folder = directory.work.folder
    check_adapter(folder, config.model.name)
    steps = read_steps(directory.metrics)
    draw_loss_curve(steps, folder / "loss.png")
    metrics = training_metrics(steps, config.optimization.epochs)
    more = {"weights_sha256": digest_of(folder / WEIGHTS_FILE), "metrics": metrics}
    write_json(folder / PROVENANCE_FILE, sources | more)
    directory.publish()
    click.echo(
        f"{directory.out}: {metrics['steps']} steps, loss {metrics['first_loss']:.3f} -> "
        f"{metrics['loss']:.3f}",
        err=True,
    )


def _is_main_process() -> bool:
    """Tell whether this is the only process, or the first of several."""
    return int(os.environ.get("RANK", "0")) == 0
