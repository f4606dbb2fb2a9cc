"""The base model of an adapter: which one it is, and the shapes of its own weights."""

import re
from pathlib import Path

import orjson

from selflengthen.adapter.config import CONFIG_FILE, AdapterConfig
from selflengthen.adapter.weights import Update, open_safetensors
from selflengthen.errors import AdapterError

Shapes = dict[str, tuple[int, ...]]

_CACHED = re.compile(r"models--(?:[^/]+--)?([^/]+)/snapshots/[^/]+$")


def check_base(folder: Path, config: AdapterConfig, base: str) -> None:
    """Check that an adapter was made for a base, wherever that one is now.

    The same base is the same folder, or one of the same name: the last part of a path or Hub id,
    whatever its case. Where a base is local, its layers are compared too: `check_fit`.

    Raises: AdapterError: it was made for another one.
    """
    made_for = config.base_model_name_or_path
    if is_same_base(made_for, base):
        return
    raise AdapterError(
        f"{folder / CONFIG_FILE}: base_model_name_or_path is {made_for!r}, not {base!r}; use the "
        "base model that the adapter was trained on; if it is the same one under another name, "
        "correct base_model_name_or_path"
    )


def is_same_base(one: str, other: str) -> bool:
    """Tell whether two names may be of one model: their last parts are the same."""
    return bool(_names_of(one) & _names_of(other))


def _names_of(base: str) -> set[str]:
    """Return the names by which a base may go: as it is written, and as the file system has it."""
    names = {_last_part(base)}
    if Path(base).is_dir():
        names.add(_last_part(str(Path(base).resolve())))
    return names


def _last_part(base: str) -> str:
    """Return the last part of a path, also one of Windows or of the Hub's cache, or of a Hub id."""
    path = base.replace("\\", "/").rstrip("/").lower()
    in_cache = _CACHED.search(path)
    return in_cache[1] if in_cache else path.rpartition("/")[2]


def read_base_shapes(name: str) -> Shapes:
    """Read the shapes of a local base's weights, without the weights.

    Returns: nothing for a Hub model, a folder without safetensors, or quantized weights, whose
        shapes are not those of the layers.
    """
    folder = Path(name)
    if not folder.is_dir() or _is_quantized(folder):
        return {}
    shapes: Shapes = {}
    for path in sorted(folder.glob("*.safetensors")):
        if path.name.startswith("adapter_"):
            continue
        with open_safetensors(path, "numpy") as file:
            for tensor in file.keys():  # noqa: SIM118 - not a dictionary
                shapes[tensor] = tuple(file.get_slice(tensor).get_shape())
    return shapes


def check_fit(path: Path, update: Update, base: Shapes, config: AdapterConfig) -> None:
    """Check one layer's update against the base's weight.

    Raises: AdapterError: the base has no such weight, or it is of another shape.
    """
    shapes = _weights_of(update.module, base)
    if not shapes:
        raise AdapterError(
            f"{path}: {update.tensor('A')}: the base model has no weight "
            f"{update.module}.weight; the adapter is for another model, use that one"
        )
    layer = (update.shape_b[0], update.shape_a[1])
    if config.fan_in_fan_out:
        layer = (layer[1], layer[0])
    if layer in shapes:
        return
    weight = shapes[0]
    side = "A" if layer[1:] != weight[1:] else "B"
    raise AdapterError(
        f"{path}: {update.tensor(side)} makes an update of shape {list(layer)}, but "
        f"{update.module}.weight of the base model is {list(weight)}; the adapter is "
        "for another model, use that one"
    )


def expected_modules(base: Shapes) -> set[str]:
    """Return the names of layers as vLLM's loader compares them: the last part, or the expert's."""
    names = set()
    for tensor, shape in base.items():
        module = tensor.removesuffix(".weight")
        if len(shape) == 2 and module != tensor:
            names.add(module.rpartition(".")[2])
            names.add("experts." + module.partition(".experts.")[2])
    return names


def _weights_of(module: str, base: Shapes) -> list[tuple[int, ...]]:
    """Return the shapes of a layer's weight; several if the base stores it under another prefix."""
    if f"{module}.weight" in base:
        return [base[f"{module}.weight"]]
    # The text model of a multimodal checkpoint: model.language_model.layers for model.layers.
    _, layers, rest = module.partition("layers.")
    end = f".{layers}{rest}.weight"
    return [shape for tensor, shape in base.items() if layers and tensor.endswith(end)]


def _is_quantized(folder: Path) -> bool:
    path = folder / "config.json"
    try:
        return "quantization_config" in orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise AdapterError(f"{path}: cannot read: {error}; give the base model's folder") from None
