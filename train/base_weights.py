"""The base model of an adapter: which one it is, and the shapes of its own weights."""

from pathlib import Path

import orjson

from train.adapter_config import AdapterConfig
from train.adapter_weights import Update, open_safetensors
from train.errors import AdapterError

Shapes = dict[str, tuple[int, ...]]


def base_identity(name: str) -> str:
    """Return what tells one base from another: a folder's resolved path, or a Hub id."""
    path = Path(name)
    return str(path.resolve()) if path.is_dir() else name


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
        with open_safetensors(path) as file:
            for tensor in file.keys():  # noqa: SIM118 - not a dictionary
                shapes[tensor] = tuple(file.get_slice(tensor).get_shape())
    return shapes


def check_fit(path: Path, update: Update, base: Shapes, config: AdapterConfig) -> None:
    """Check one layer's update against the base's weight.

    Raises: AdapterError: the base has no such weight, or it is of another shape.
    """
    name = config.base_model_name_or_path
    shapes = _weights_of(update.module, base)
    if not shapes:
        raise AdapterError(
            f"{path}: {update.tensor('A')}: the base model {name!r} has no weight "
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
        f"{update.module}.weight of the base model {name!r} is {list(weight)}; the adapter is "
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
    if module == "lm_head":
        return [shape for tensor, shape in base.items() if tensor.endswith("embed_tokens.weight")]
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
