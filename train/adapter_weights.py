"""`adapter_model.safetensors`: whole pairs of matrices, of the configured rank, finite, moved."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from foundation.adapter_digest import WEIGHTS_FILE
from train.adapter_config import AdapterConfig
from train.errors import AdapterError

_PICKLES = ("adapter_model.bin", "adapter_model.pt")
# PEFT saves the frozen base beside an update of these; vLLM skips it.
_COPIES_OF_BASE = (".embed_tokens.base_layer.weight", ".lm_head.base_layer.weight")
_MATRIX = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")


@dataclass(frozen=True, slots=True)
class Update:
    """One layer's pair of matrices: A is [rank, in], B is [out, rank]."""

    module: str
    shape_a: tuple[int, ...]
    shape_b: tuple[int, ...]

    def tensor(self, side: str) -> str:
        """Return the name of matrix A or B in the file."""
        return f"base_model.model.{self.module}.lora_{side}.weight"


@dataclass(frozen=True, slots=True)
class AdapterWeights:
    """All updates of an adapter, and the type that they are stored in."""

    updates: tuple[Update, ...]
    dtype: str
    num_parameters: int


def read_adapter_weights(folder: Path, config: AdapterConfig) -> AdapterWeights:
    """Read an adapter's shapes, and check shapes and values.

    Raises: AdapterError: which tensor is wrong, or why the file cannot be read.
    """
    path = folder / WEIGHTS_FILE
    _check_is_there(folder)
    with open_safetensors(path) as file:
        names = [name for name in file.keys() if not name.endswith(_COPIES_OF_BASE)]  # noqa: SIM118
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
        updates = _pair(path, shapes)
        _check_ranks(path, updates, config)
        _check_values(path, file, updates)
        dtypes = {str(file.get_slice(name).get_dtype()) for name in shapes}
    num_parameters = sum(_area(shape) for shape in shapes.values())
    return AdapterWeights(updates, "+".join(sorted(dtypes)), num_parameters)


@contextmanager
def open_safetensors(path: Path) -> Iterator[Any]:
    """Open a safetensors file; what is wrong with it is one line."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise AdapterError(
            f"{path}: cannot read: {reason}; copy it again, or train again"
        ) from None


def _check_is_there(folder: Path) -> None:
    if (folder / WEIGHTS_FILE).is_file():
        return
    for name in _PICKLES:
        if (folder / name).exists():
            raise AdapterError(
                f"{folder / name}: a pickle can run code when it is read; save the adapter as "
                f"{WEIGHTS_FILE} with PEFT's save_pretrained(safe_serialization=True)"
            )
    raise AdapterError(f"{folder / WEIGHTS_FILE}: missing; give the folder of a PEFT adapter")


def _pair(path: Path, shapes: dict[str, tuple[int, ...]]) -> tuple[Update, ...]:
    modules = dict.fromkeys(_module_of(path, name) for name in shapes)
    if not modules:
        raise AdapterError(f"{path}: holds no tensor; train again")
    updates = []
    for module in modules:
        update = Update(module, (), ())
        for side, other in (("A", "B"), ("B", "A")):
            if update.tensor(side) not in shapes:
                raise AdapterError(
                    f"{path}: {update.tensor(other)} has no lora_{side}; save the adapter again"
                )
        updates.append(Update(module, shapes[update.tensor("A")], shapes[update.tensor("B")]))
    return tuple(updates)


def _module_of(path: Path, tensor: str) -> str:
    match = _MATRIX.fullmatch(tensor)
    if match is None:
        raise AdapterError(
            f"{path}: {tensor} is no lora_A or lora_B of a linear layer; train only linear layers"
        )
    return match["module"]


def _check_ranks(path: Path, updates: tuple[Update, ...], config: AdapterConfig) -> None:
    for update in updates:
        rank = config.rank_of(update.module)
        sides = (("A", update.shape_a, 0, "[r, in]"), ("B", update.shape_b, 1, "[out, r]"))
        for side, shape, axis, form in sides:
            if len(shape) != 2 or shape[axis] != rank or 0 in shape:
                raise AdapterError(
                    f"{path}: {update.tensor(side)} has shape {list(shape)}, but it must be "
                    f"{form} with r {rank} of adapter_config.json; put the right configuration "
                    "beside the weights"
                )


def _check_values(path: Path, file: Any, updates: tuple[Update, ...]) -> None:  # noqa: ANN401
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


def _area(shape: tuple[int, ...]) -> int:
    return shape[0] * shape[1]
