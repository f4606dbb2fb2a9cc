"""Whether an adapter is whole, fits its base and will be served: no check needs an engine."""

from dataclasses import dataclass
from pathlib import Path

from selflengthen.adapter.base import expected_modules
from selflengthen.adapter.digest import WEIGHTS_FILE
from selflengthen.adapter.served import ServedAdapter, read_served
from selflengthen.adapter.weights import AdapterWeights
from train.adapter.base_layout import check_coverage
from train.adapter.values import check_values
from train.adapter.vllm_loader import load_as_vllm


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
        base: The base model, where it is now; None: where the adapter's configuration says.

    Raises: AdapterError: what is wrong: file, tensor or key, value, remedy.
    """
    served = check_served(folder, base)
    expected = expected_modules(served.base_shapes) or set(_target_modules(served.weights))
    return _report(served, load_as_vllm(folder, expected))


def inspect_adapter(folder: Path, base: str | None = None) -> AdapterReport:
    """Check all of an adapter that can be checked without vLLM.

    Raises: AdapterError: what is wrong.
    """
    return _report(check_served(folder, base), "not asked")


def check_served(folder: Path, base: str | None = None) -> ServedAdapter:
    """Check whether vLLM serves an adapter, and beyond that its values and that none is missing.

    Raises: AdapterError: what is wrong.
    """
    served = read_served(folder, base)
    check_values(folder / WEIGHTS_FILE, served.weights.updates)
    check_coverage(served)
    return served


def _report(served: ServedAdapter, vllm_loader: str) -> AdapterReport:
    config, weights = served.config, served.weights
    return AdapterReport(
        rank=config.r,
        alpha=config.lora_alpha,
        num_tensors=2 * len(weights.updates),
        num_parameters=weights.num_parameters,
        target_modules=_target_modules(weights),
        base_model=served.base,
        dtype=weights.dtype,
        base_layers="all match" if served.base_shapes else "not compared, base not local",
        vllm_loader=vllm_loader,
    )


def _target_modules(weights: AdapterWeights) -> tuple[str, ...]:
    return tuple(sorted({update.module.rpartition(".")[2] for update in weights.updates}))
