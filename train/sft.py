"""The trainer: TRL's SFTTrainer on tokenized rows, one LoRA adapter on a frozen base."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import torch
from datasets import Dataset
from peft.optimizers import create_loraplus_optimizer
from transformers.trainer_callback import PrinterCallback
from trl import SFTConfig, SFTTrainer

from selflengthen.errors import first_line
from train.config import TrainConfig
from train.data.example import Example, Examples
from train.data.row_order import order_rows, split_rows
from train.errors import TrainingError
from train.lora_model import load_lora_model, native_dtype
from train.processes import check_distributed
from train.report.outlook import ModelSize, describe_memory, describe_rows, estimate_memory
from train.report.step_log import StepLog
from train.stop_signal import StopSignal
from train.training_directory import TrainingDirectory

_IGNORED = -100
# In the messages of safetensors, tokenizers (both Rust) and torch.save.
_WRITE_ERRORS = ("(os error ", "inline_container")
# Fitted to the peak memory of `benchmarks/training_memory.py`; a GPU's kernel needs no temporaries.
_CPU_LOSS_TILES, _FUSED_LOSS_TILES = 13, 1


def fit(
    config: TrainConfig,
    examples: Examples,
    tokenizer: Any,  # noqa: ANN401 - of transformers
    directory: TrainingDirectory,
    previous: Path | None,
) -> None:
    """Train an adapter to the end and save it in the working folder.

    Raises: TrainingError: other processes than configured, or not enough memory.
        InterruptedTrainingError: a signal came; the same command goes on.
    """
    trainer = make_trainer(config, examples.kept, tokenizer, directory, previous)
    checkpoint = _start(trainer, config, examples, directory)
    stop = StopSignal()
    trainer.add_callback(stop)
    try:
        with stop.listening(), _naming_write_errors(directory):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"out of memory: {first_line(error)}; the longest row comes first: lower "
            "data.max_row_tokens or rows_per_device, or set memory.activation_offloading"
        ) from error
    stop.raise_if_received()
    with _naming_write_errors(directory):
        trainer.save_model(str(directory.work.folder))
    if trainer.is_world_process_zero():
        # A pickle; nothing reads it.
        (directory.work.folder / "training_args.bin").unlink(missing_ok=True)
    trainer.accelerator.wait_for_everyone()


@contextmanager
def _naming_write_errors(directory: TrainingDirectory) -> Iterator[None]:
    """Say where there was no room: the libraries that write raise errors of their own."""
    try:
        yield
    except Exception as error:  # tokenizers raises no class of its own
        if not any(mark in str(error) for mark in _WRITE_ERRORS):
            raise
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"{directory.work.folder}: cannot write: {reason[:200]}; make room, then the same "
            "command goes on"
        ) from error


def make_trainer(
    config: TrainConfig,
    examples: Sequence[Example],
    tokenizer: Any,  # noqa: ANN401 - of transformers
    directory: TrainingDirectory,
    previous: Path | None,
) -> SFTTrainer:
    """Build the trainer; nothing is trained yet."""
    train_rows, eval_rows = split_rows(len(examples), config.data.eval_fraction, config.seed)
    train_examples = [examples[index] for index in train_rows]
    model = load_lora_model(config, previous)
    trainer = SFTTrainer(
        model=model,
        args=_arguments(config, len(train_examples), bool(eval_rows), directory.work.checkpoints),
        train_dataset=_dataset(_ordered(train_examples, config)),
        eval_dataset=_dataset([examples[index] for index in eval_rows]) if eval_rows else None,
        processing_class=tokenizer,
        optimizers=(_lora_plus(model, config), None),
        callbacks=[StepLog(directory.metrics)],
    )
    trainer.remove_callback(PrinterCallback)
    if config.optimization.loss_weighting == "row":
        # The loss is then the mean over a row, and the trainer averages over the step's rows.
        trainer.model_accepts_loss_kwargs = False
    check_distributed(trainer.accelerator, config)
    return trainer


def _start(
    trainer: SFTTrainer, config: TrainConfig, examples: Examples, directory: TrainingDirectory
) -> Path | None:
    """Tell what is going to happen; return the checkpoint to go on from."""
    checkpoint = directory.work.last_checkpoint()
    num_steps = trainer.set_initial_training_values(trainer.args, trainer.get_train_dataloader())[
        -1
    ]
    if num_steps == 1:
        # It would be the first step of warm-up, whose learning rate is 0.
        trainer.args.warmup_steps = 0
    if trainer.is_world_process_zero():
        directory.clear()
        longest = max(example.num_tokens for example in examples.kept)
        memory = estimate_memory(_size_of(trainer.model), config, longest)
        for line in [*describe_rows(examples), f"steps: {num_steps}", describe_memory(memory)]:
            click.echo(line, err=True)
        if checkpoint:
            click.echo(f"going on from {checkpoint.name}", err=True)
    trainer.accelerator.wait_for_everyone()
    return checkpoint


def _arguments(config: TrainConfig, num_rows: int, has_eval: bool, checkpoints: Path) -> SFTConfig:
    optimization, memory, packing = config.optimization, config.memory, config.data.packing
    kwargs = {"selective": True} if memory.selective else {"use_reentrant": False}
    return SFTConfig(
        output_dir=str(checkpoints),
        seed=config.seed,
        data_seed=config.seed,
        max_length=config.data.max_row_tokens if packing else None,
        packing=packing,
        eval_packing=False,
        train_sampling_strategy="random" if packing else "sequential",
        num_train_epochs=optimization.epochs if packing else 1,
        per_device_train_batch_size=optimization.rows_per_device,
        per_device_eval_batch_size=optimization.rows_per_device,
        gradient_accumulation_steps=optimization.gradient_accumulation_steps,
        learning_rate=optimization.learning_rate,
        lr_scheduler_type=optimization.schedule,
        warmup_steps=optimization.warmup_fraction,
        weight_decay=optimization.weight_decay,
        max_grad_norm=optimization.max_grad_norm,
        bf16=native_dtype(config.model) is torch.bfloat16,
        use_cpu=not torch.accelerator.is_available(),
        gradient_checkpointing=memory.gradient_checkpointing,
        gradient_checkpointing_kwargs=kwargs if memory.gradient_checkpointing else None,
        activation_offloading=memory.activation_offloading,
        save_steps=config.checkpoints.every_steps,
        save_total_limit=config.checkpoints.keep,
        eval_strategy="steps" if has_eval else "no",
        eval_steps=_steps_per_epoch(config, num_rows) if has_eval else None,
        logging_steps=1,
        report_to=list(config.trackers) or "none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _steps_per_epoch(config: TrainConfig, num_rows: int) -> int:
    rows = config.optimization.rows_per_device * config.optimization.gradient_accumulation_steps
    return max(1, num_rows // rows)


def _ordered(examples: Sequence[Example], config: TrainConfig) -> list[Example]:
    """Lay all epochs out in one order; packing mixes rows in its own way."""
    if config.data.packing:
        return list(examples)
    lengths = [example.num_tokens for example in examples]
    order = order_rows(lengths, config.optimization.epochs, config.seed)
    return [examples[index] for index in order]


def _dataset(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [[*row.prompt_ids, *row.completion_ids] for row in examples],
            "labels": [
                [_IGNORED] * len(row.prompt_ids) + list(row.completion_ids) for row in examples
            ],
        }
    )


def _lora_plus(model: Any, config: TrainConfig) -> Any:  # noqa: ANN401 - of PEFT
    optimization = config.optimization
    if optimization.lora_plus_ratio is None:
        return None
    return create_loraplus_optimizer(
        model,
        torch.optim.AdamW,
        lr=optimization.learning_rate,
        loraplus_lr_ratio=optimization.lora_plus_ratio,
        weight_decay=optimization.weight_decay,
    )


def _size_of(model: Any) -> ModelSize:  # noqa: ANN401 - of PEFT
    text = model.config.get_text_config()
    parameters = list(model.parameters())
    frozen = [item for item in parameters if not item.requires_grad]
    return ModelSize(
        base_bytes=sum(item.numel() * item.element_size() for item in frozen),
        num_adapter_parameters=sum(item.numel() for item in parameters if item.requires_grad),
        num_layers=text.num_hidden_layers,
        hidden_size=text.hidden_size,
        intermediate_size=text.intermediate_size,
        value_bytes=frozen[0].element_size(),
        vocab_size=text.vocab_size,
        num_loss_tiles=_FUSED_LOSS_TILES if torch.cuda.is_available() else _CPU_LOSS_TILES,
    )
