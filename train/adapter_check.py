"""Whether an adapter is whole, fits its base and will be served: no check needs an engine."""

from dataclasses import dataclass, replace
from pathlib import Path

from foundation.adapter_digest import WEIGHTS_FILE, adapter_digest
from train.adapter_config import CONFIG_FILE, AdapterConfig, read_adapter_config
from train.adapter_weights import AdapterWeights, read_adapter_weights
from train.base_layout import check_coverage
from train.base_weights import (
    Shapes,
    base_identity,
    check_fit,
    expected_modules,
    read_base_shapes,
)
from train.errors import AdapterError
from train.vllm_loader import load_as_vllm


@dataclass(frozen=True, slots=True)
class AdapterReport:
    """What a good adapter is."""

    rank: int
    alpha: float
    num_tensors: int
    num_parameters: int
    target_modules: tuple[str, ...]
    """Last parts of the names of the layers that it updates."""
    base_model: str
    dtype: str
    base_layers: str
    """Whether the shapes were compared with the base's own weights."""
    vllm_loader: str
    """Which vLLM accepted it, or that none was asked."""


def check_adapter(folder: Path, base: str | None = None) -> AdapterReport:
    """Check an adapter, lastly with vLLM's own loader.

    Args:
        base: The base model that it must be for: a folder, or a Hub id.

    Raises: AdapterError: what is wrong: file, tensor or key, value, remedy.
    """
    report = inspect_adapter(folder, base)
    expected = expected_modules(read_base_shapes(report.base_model)) or set(report.target_modules)
    return replace(report, vllm_loader=load_as_vllm(folder, expected))


def inspect_adapter(folder: Path, base: str | None = None) -> AdapterReport:
    """Check all of an adapter that can be checked without vLLM.

    Raises: AdapterError: what is wrong.
    """
    config, weights, shapes = check_adapter_files(folder, base)
    return AdapterReport(
        rank=config.r,
        alpha=config.lora_alpha,
        num_tensors=2 * len(weights.updates),
        num_parameters=weights.num_parameters,
        target_modules=tuple(
            sorted({update.module.rpartition(".")[2] for update in weights.updates})
        ),
        base_model=config.base_model_name_or_path,
        dtype=weights.dtype,
        base_layers="all match" if shapes else "not compared, base not local",
        vllm_loader="not asked",
    )


def check_adapter_files(
    folder: Path, base: str | None = None
) -> tuple[AdapterConfig, AdapterWeights, Shapes]:
    """Read an adapter and compare it with its base.

    Returns: the configuration, the weights, and the base's shapes where it is a local folder.

    Raises: AdapterError: what is wrong.
    """
    config = read_adapter_config(folder)
    _check_base(folder, config.base_model_name_or_path, base)
    weights = read_adapter_weights(folder, config)
    adapter_digest(folder)
    shapes = read_base_shapes(config.base_model_name_or_path)
    if shapes:
        for update in weights.updates:
            check_fit(folder / WEIGHTS_FILE, update, shapes, config)
    check_coverage(folder, config, weights)
    return config, weights, shapes


def _check_base(folder: Path, own: str, asked: str | None) -> None:
    if asked is not None and base_identity(own) != base_identity(asked):
        raise AdapterError(
            f"{folder / CONFIG_FILE}: base_model_name_or_path is {own!r}, not {asked!r}; use the "
            "base model that the adapter was trained on"
        )
