"""The configuration of a training: frozen, strict, every field documented beneath it.

What vLLM refuses to serve (DoRA, biases, whole modules, other initializations) has no key here.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, Strict, field_validator, model_validator

from selflengthen.adapter.config import MAX_SERVED_RANK, OUTSIDE_DECODER
from selflengthen.mix import MixSource, check_shares
from selflengthen.settings import Settings

TemplateValue = str | bool | int | float


class ModelConfig(Settings):
    """The base model, which stays frozen."""

    name: str = Field(min_length=1)
    """Hub id or local folder; the one that the adapter will be served on."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    trust_remote_code: bool = False
    """Run code that the model's repository brings."""
    chat_template_kwargs: dict[str, TemplateValue] = {}
    """Further variables of the chat template; the same as in the synthesis."""
    template_date: date | None = Field(None, strict=False)
    """The day that a chat template which names today's date is told; null: that of the run that
    wrote the rows or of the continued adapter, else the day of the first start."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Type of weights and activations; auto is bfloat16, or float32 on a CPU that emulates it."""
    attention: str = "sdpa"
    """Attention implementation of transformers, e.g. sdpa, eager, flash_attention_2."""
    load_in_4bit: bool = False
    """QLoRA: keep the base in NF4 with bitsandbytes; needs a GPU."""


class LoraConfig(Settings):
    """The adapter's shape."""

    rank: int = Field(16, ge=1, le=MAX_SERVED_RANK)
    """Rank of every update; vLLM serves up to 512."""
    alpha: float = Field(32, gt=0)
    """Scale: an update counts alpha / rank times, with rsLoRA alpha / sqrt(rank) times."""
    use_rslora: bool = False
    """Rank-stabilized scale."""
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Dropout on the adapter's input."""
    target_modules: Literal["all-linear"] | Annotated[tuple[str, ...], Strict(False)] = "all-linear"
    """Names of the linear layers that get an update."""
    init: Literal["default", "gaussian", "orthogonal"] = "default"
    """Initialization of the first matrix."""

    @field_validator("target_modules")
    @classmethod
    def _check_targets(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        refused = sorted(OUTSIDE_DECODER & set(value)) if isinstance(value, tuple) else []
        if refused or not value:
            raise ValueError(f"name linear layers inside the decoder, not {refused or 'nothing'}")
        return value


class DataConfig(Settings):
    """Which rows are trained on, and how they are laid out."""

    max_row_tokens: int = Field(16384, ge=8)
    """Longest row, prompt and completion together, in tokens. No row is ever cut."""
    over_long: Literal["drop", "raise"] = "drop"
    """What becomes of longer rows: dropped and listed, or the training does not start."""
    packing: bool = False
    """Lay several rows into one sequence of at most `max_row_tokens`; for short rows."""
    eval_fraction: float = Field(0.0, ge=0.0, le=0.5)
    """Share of the rows that is held out and evaluated after every epoch."""
    mix: tuple[MixSource, ...] = Field((), strict=False)
    """Further rows, of any role."""

    _check_mix = field_validator("mix")(check_shares)


class OptimizationConfig(Settings):
    """The optimizer's course."""

    learning_rate: float = Field(1e-4, gt=0.0)
    """Peak learning rate."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """Course of the learning rate after warm-up."""
    warmup_fraction: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the steps over which the learning rate rises from 0."""
    epochs: int = Field(4, ge=1)
    """Passes over the rows."""
    rows_per_device: int = Field(1, ge=1)
    """Rows, or packed sequences, of one forward pass."""
    gradient_accumulation_steps: int = Field(1, ge=1)
    """Forward passes of one step."""
    weight_decay: float = Field(0.0, ge=0.0)
    """Decoupled weight decay of AdamW."""
    max_grad_norm: float = Field(1.0, ge=0.0)
    """Gradients are scaled down to this norm; 0 leaves them."""
    loss_weighting: Literal["token", "row"] = "token"
    """What weighs the same within a step: every token, or every row whatever its length."""
    lora_plus_ratio: float | None = Field(None, gt=0.0)
    """LoRA+: learning rate of the second matrix as a multiple of the first's."""


class MemoryConfig(Settings):
    """Memory against time."""

    gradient_checkpointing: bool = True
    """Compute activations again in the backward pass."""
    selective: bool = False
    """Keep the results of the dear operations while checkpointing."""
    activation_offloading: bool = False
    """Move activations to the host's memory."""


class CheckpointConfig(Settings):
    """What a killed training goes on from."""

    every_steps: int = Field(50, ge=1)
    """Steps between two checkpoints."""
    keep: int = Field(1, ge=1)
    """Checkpoints kept; they are deleted when the adapter is published."""


class TrainConfig(Settings):
    """A LoRA fine-tuning on prompt-completion rows."""

    seed: int = 0
    """Seed of the adapter's initialization, the order of rows and dropout."""
    model: ModelConfig
    """The base model."""
    lora: LoraConfig = LoraConfig()
    """The adapter."""
    data: DataConfig = DataConfig()
    """The rows."""
    optimization: OptimizationConfig = OptimizationConfig()
    """The optimizer."""
    memory: MemoryConfig = MemoryConfig()
    """Memory."""
    checkpoints: CheckpointConfig = CheckpointConfig()
    """Checkpoints."""
    distributed: Literal["none", "ddp", "fsdp2", "zero3"] = "none"
    """How several processes share the work; the launcher must have set up just that."""
    trackers: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = Field((), strict=False)
    """Experiment trackers, beside `metrics.jsonl`."""

    @model_validator(mode="after")
    def _check_weighting(self) -> "TrainConfig":
        one_row = self.optimization.rows_per_device == 1 and not self.data.packing
        if self.optimization.loss_weighting == "row" and not one_row:
            raise ValueError(
                "loss_weighting row needs optimization.rows_per_device 1 and no data.packing"
            )
        return self
