"""`train sft` from its arguments to a published adapter."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from foundation.atomic_file import write_json
from foundation.digest import digest_of
from foundation.resolved_config import resolve
from train.config import TrainConfig
from train.example import Examples, encode_row, sort_out
from train.provenance import PACKAGES, provenance_of, shard_inputs, training_metrics
from train.shard_reader import Shard, read_shards
from train.training_directory import TrainingDirectory


def train_adapter(
    config: TrainConfig, paths: Sequence[str], out: Path, previous: Path | None
) -> None:
    """Train one adapter, or go on with a training that was stopped.

    Raises: ShardError, AdapterError, ConfigError, DirectoryError: what is wrong with the input.
    """
    # Libraries tell nobody what is trained here.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    _see_one_gpu()
    shards = read_shards(paths)
    directory = TrainingDirectory(out)
    resolved = resolve(config, shard_inputs(shards, previous), PACKAGES)
    if directory.is_finished(resolved):
        click.echo(f"{out}: already trained", err=True)
        return
    if not _is_main_process():
        _train(config, shards, directory, previous)
        return
    with directory.work.locked():
        directory.work.claim(resolved)
        _train(config, shards, directory, previous)


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
    previous: Path | None,
) -> None:
    from train.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(config.model)
    rows = [row for shard in shards for row in shard.rows]
    encoded = (encode_row(row, tokenizer.encoder, tokenizer.end_of_turn_ids) for row in rows)
    examples = sort_out(encoded, config.data)
    if previous is not None:
        from train.lora_model import check_continuable

        check_continuable(previous, config)

    from train.sft import fit

    fit(config, examples, tokenizer.tokenizer, directory, previous)
    if _is_main_process():
        _publish(directory, config, shards, examples, tokenizer.template_sha256)


def _publish(
    directory: TrainingDirectory,
    config: TrainConfig,
    shards: Sequence[Shard],
    examples: Examples,
    template_sha256: str,
) -> None:
    """Check the adapter, write where it comes from, and let it appear."""
    from train.adapter_check import check_adapter
    from train.adapter_weights import WEIGHTS_FILE
    from train.loss_curve import draw_loss_curve
    from train.step_log import read_steps

    folder = directory.work.folder
    check_adapter(folder, config.model.name)
    steps = read_steps(directory.metrics)
    draw_loss_curve(steps, folder / "loss.png")
    provenance = provenance_of(config, shards, examples, template_sha256)
    metrics = training_metrics(steps, config.optimization.epochs)
    more = {"weights_sha256": digest_of(folder / WEIGHTS_FILE), "metrics": metrics}
    write_json(folder / "provenance.json", provenance | more)
    directory.publish()
    click.echo(
        f"{directory.out}: {metrics['steps']} steps, loss {metrics['first_loss']:.3f} -> "
        f"{metrics['loss']:.3f}",
        err=True,
    )


def _is_main_process() -> bool:
    """Tell whether this is the only process, or the first of several."""
    return int(os.environ.get("RANK", "0")) == 0
