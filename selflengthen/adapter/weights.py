"""`adapter_model.safetensors`: whole pairs of matrices, of the configured rank."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from selflengthen.adapter.config import OUTSIDE_DECODER, AdapterConfig
from selflengthen.adapter.digest import WEIGHTS_FILE
from selflengthen.errors import AdapterError

_PICKLES = ("adapter_model.bin", "adapter_model.pt")
# PEFT saves the frozen base beside an update of these; vLLM skips it.
_COPIES_OF_BASE = (".embed_tokens.base_layer.weight", ".lm_head.base_layer.weight")
# torch.compile wraps a model in a module of this name.
_COMPILED = "._orig_mod."
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
    """Read an adapter's shapes and check them.

    Raises: AdapterError: which tensor is wrong, or why the file cannot be read.
    """
    path = folder / WEIGHTS_FILE
    _check_is_there(folder)
    with open_safetensors(path, "numpy") as file:
        names = [name for name in file.keys() if not name.endswith(_COPIES_OF_BASE)]  # noqa: SIM118
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
        updates = _pair(path, shapes)
        _check_ranks(path, updates, config)
        dtypes = {str(file.get_slice(name).get_dtype()) for name in shapes}
    num_parameters = sum(_area(shape) for shape in shapes.values())
    return AdapterWeights(updates, "+".join(sorted(dtypes)), num_parameters)


@contextmanager
def open_safetensors(path: Path, framework: str) -> Iterator[Any]:
    """Open a safetensors file; what is wrong with it is one line."""
    try:
        with safe_open(path, framework=framework) as file:
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
    if _COMPILED in tensor:
        raise AdapterError(
            f"{path}: {tensor} is of a compiled model, and no engine finds the layer; save the "
            "adapter of the model that was compiled"
        )
    match = _MATRIX.fullmatch(tensor)
    if match is None:
        raise AdapterError(
            f"{path}: {tensor} is no lora_A or lora_B of a linear layer; train only linear layers"
        )
    if match["module"].rpartition(".")[2] in OUTSIDE_DECODER:
        raise AdapterError(
            f"{path}: {tensor} updates {match['module']}, at which vLLM's engine dies; train only "
            "linear layers inside the decoder"
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


def _area(shape: tuple[int, ...]) -> int:
    return shape[0] * shape[1]
