"""The values of an adapter's matrices: finite, and moved by a training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from selflengthen.adapter.weights import Update, open_safetensors
from selflengthen.errors import AdapterError


def check_values(path: Path, updates: Sequence[Update]) -> None:
    """Check every value of an adapter's weights.

    Raises: AdapterError: which tensor is wrong.
    """
    with open_safetensors(path, "pt") as file:
        _check_values(path, file, updates)


def _check_values(path: Path, file: Any, updates: Sequence[Update]) -> None:  # noqa: ANN401
    is_moved = False
    for update in updates:
        for side in ("A", "B"):
            tensor = file.get_tensor(update.tensor(side))
            _check_finite(path, update.tensor(side), tensor)
        is_moved = is_moved or bool(tensor.any())
    if not is_moved:
        raise AdapterError(
            f"{path}: every lora_B is zero, so the adapter changes nothing; train it, and look "
            "at the learning rate"
        )


def _check_finite(path: Path, name: str, tensor: torch.Tensor) -> None:
    if not tensor.is_floating_point():
        raise AdapterError(f"{path}: {name} is of type {tensor.dtype}; save it in floating point")
    wrong = tensor[~torch.isfinite(tensor)]
    if len(wrong):
        raise AdapterError(
            f"{path}: {name} holds {len(wrong)} values like {wrong[0].item()}; train again with "
            "a lower learning rate"
        )
