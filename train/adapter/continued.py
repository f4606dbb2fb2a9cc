"""The adapter that a training goes on from: whole, and the configured one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selflengthen.adapter.config import AdapterConfig, read_adapter_config
from selflengthen.contract.provenance import AdapterSource
from selflengthen.errors import AdapterError
from train.adapter.base_layout import empty_base, targeted_layers
from train.adapter.check import check_served
from train.config import TrainConfig
from train.lora_model import peft_config_of


@dataclass(frozen=True, slots=True)
class ContinuedAdapter:
    """An adapter that has been checked."""

    folder: Path
    weights_sha256: str

    def describe(self) -> AdapterSource:
        """Return what provenance keeps of it."""
        return AdapterSource(path=str(self.folder), weights_sha256=self.weights_sha256)


def read_continued(folder: Path, config: TrainConfig) -> ContinuedAdapter:
    """Check an adapter before a training goes on from it.

    Raises: AdapterError: it is broken, a pickle, or not served; or rank, alpha, targets or base
        differ, with both values. ConfigError: its weights are not those that its training wrote.
    """
    _compare(folder, _pairs(read_adapter_config(folder), config))
    served = check_served(folder, config.model.name)
    names = _last_parts(update.module for update in served.weights.updates)
    _compare(folder, [("lora.target_modules", names, _configured_names(config) or names)])
    return ContinuedAdapter(folder, served.sha256)


def _pairs(earlier: AdapterConfig, config: TrainConfig) -> Iterator[tuple[str, object, object]]:
    lora = config.lora
    yield "lora.rank", earlier.r, lora.rank
    yield "lora.alpha", earlier.lora_alpha, lora.alpha
    yield "lora.use_rslora", earlier.use_rslora, lora.use_rslora


def _compare(folder: Path, pairs: Iterable[tuple[str, object, object]]) -> None:
    for key, old, new in pairs:
        if old != new:
            raise AdapterError(
                f"--adapter {folder}: {key} is {old!r} in it and {new!r} in the configuration; "
                "continue with the adapter's value or start a new adapter"
            )


def _configured_names(config: TrainConfig) -> list[str]:
    """Return the last parts of the names of the layers that are configured.

    Returns: nothing if they cannot be told without the base's weights.
    """
    model, targets = config.model, config.lora.target_modules
    if targets != "all-linear":
        return _last_parts(targets)
    base = empty_base(model.name, model.revision, trust_remote_code=model.trust_remote_code)
    if base is None:
        return []
    return _last_parts(targeted_layers(base, peft_config_of(config), "lora.target_modules"))


def _last_parts(names: Iterable[str]) -> list[str]:
    return sorted({name.rpartition(".")[2] for name in names})
