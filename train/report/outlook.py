"""What a person should see before a training: rows, steps, memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from selflengthen.percentiles import percentiles
from train.config import TrainConfig
from train.data.example import Example, Examples

# Bytes per adapter parameter: float32 weight, gradient and AdamW's two moments.
_ADAPTER_BYTES = 16
# Activations of one decoder layer during its backward pass, in values per token: about this many
# times the hidden width plus this many times the width of the MLP.
_HIDDEN_VALUES, _MLP_VALUES = 16, 4
# TRL computes the loss in tiles of at most so many tokens and vocabulary entries, in float32.
# Source: trl 1.16, `TOKEN_CHUNK_SIZE` and `_CHUNKED_LOGPROB_CHUNK_SIZE`.
_TILE_TOKENS, _TILE_VOCABULARY, _TILE_VALUE_BYTES = 4096, 32768, 4


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What the memory of a training depends on, in parameters, widths and bytes."""

    base_bytes: int
    num_adapter_parameters: int
    num_layers: int
    hidden_size: int
    intermediate_size: int
    value_bytes: int
    vocab_size: int
    num_loss_tiles: int
    """Tiles of the loss that are in memory at once."""


def estimate_memory(size: ModelSize, config: TrainConfig, longest: int) -> dict[str, int]:
    """Estimate the peak memory of one process, in bytes; activations are a rough figure."""
    num_tokens = longest * config.optimization.rows_per_device
    layer = num_tokens * size.value_bytes
    layer *= _HIDDEN_VALUES * size.hidden_size + _MLP_VALUES * size.intermediate_size
    kept = num_tokens * size.hidden_size * size.value_bytes * size.num_layers
    checkpointing = config.memory.gradient_checkpointing
    return {
        "base weights": size.base_bytes,
        "adapter, gradients, optimizer": size.num_adapter_parameters * _ADAPTER_BYTES,
        "activations": kept + layer if checkpointing else layer * size.num_layers,
        "loss": _tile_bytes(num_tokens, size.vocab_size) * size.num_loss_tiles,
    }


def _tile_bytes(num_tokens: int, vocab_size: int) -> int:
    tile = min(num_tokens, _TILE_TOKENS) * min(vocab_size, _TILE_VOCABULARY)
    return tile * _TILE_VALUE_BYTES


def describe_rows(examples: Examples) -> list[str]:
    """Describe what is trained on, a line each."""
    kept = examples.kept
    lengths = percentiles(Counter(example.num_tokens for example in kept))
    num_trained = sum(len(example.completion_ids) for example in kept)
    lines = [
        f"rows: {len(kept)}, {sum(row.num_tokens for row in kept):,} tokens, "
        f"{num_trained:,} of them trained on",
        "tokens per row: " + ", ".join(f"{name} {value:,}" for name, value in lengths.items()),
    ]
    if examples.over_long:
        lines.append(f"dropped as over-long: {_name(examples.over_long)}")
    return lines


def describe_memory(parts: dict[str, int]) -> str:
    """Describe an estimate in one line."""
    gib = {name: value / 2**30 for name, value in parts.items()}
    listed = ", ".join(f"{name} {value:.2f}" for name, value in gib.items())
    return f"estimated memory in GiB: {sum(gib.values()):.2f} ({listed})"


def _name(examples: Sequence[Example]) -> str:
    return f"{len(examples)} rows: " + ", ".join(
        f"{example.id} ({example.num_tokens:,})" for example in examples
    )
