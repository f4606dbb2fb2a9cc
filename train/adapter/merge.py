"""One model out of a base and its adapter, for engines that serve no adapters."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from selflengthen.adapter.config import CONFIG_FILE
from selflengthen.adapter.served import ServedAdapter
from selflengthen.errors import AdapterError, ConfigError, first_line
from selflengthen.files.atomic_file import write_json
from selflengthen.files.atomic_folder import atomic_folder
from selflengthen.files.digest import digest_of
from selflengthen.resolved_config import versions
from train.adapter.check import check_served
from train.report.provenance import PACKAGES


def merge_adapter(
    adapter: Path,
    out: Path,
    dtype: str | None = None,
    *,
    base: str | None = None,
    trust_remote_code: bool = False,
) -> None:
    """Add an adapter's updates to its base's weights, and save the whole model.

    The sum is computed in float32 and rounded once.

    Args:
        dtype: Type of the saved weights; each weight's own in the base if None.
        base: The base model, where it is now; None: where the adapter's configuration says.
        trust_remote_code: Run code that the base's repository brings.

    Raises: AdapterError: a broken adapter, or one whose sum cannot be stored. ConfigError: the
        base cannot be loaded. DirectoryError: `out` is taken.
    """
    served = check_served(adapter, base)
    with atomic_folder(out) as folder:
        model, tokenizer = _load_base(served, trust_remote_code)
        dtypes = {name: weight.dtype for name, weight in model.named_parameters()}
        merged = _merge(model.float(), adapter)
        for name, weight in merged.named_parameters():
            weight.data = _cast(name, weight.data, getattr(torch, dtype) if dtype else dtypes[name])
        _save(merged, folder)
        tokenizer.save_pretrained(folder)
        write_json(folder / "provenance.json", _provenance(served, merged))


def _load_base(served: ServedAdapter, trust_remote_code: bool) -> tuple[Any, Any]:
    name = served.base
    options = {"revision": served.config.revision, "trust_remote_code": trust_remote_code}
    try:
        _refuse_quantized(name, AutoConfig.from_pretrained(name, **options))
        model = AutoModelForCausalLM.from_pretrained(name, dtype="auto", **options)
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
    except (OSError, ValueError, ImportError) as error:
        reason = first_line(error)
        raise ConfigError(
            f"base model: cannot load {name!r}: {reason}; name it where it is now (--base), or let "
            "code of its own run (--trust-remote-code)"
        ) from None
    return model, tokenizer


def _refuse_quantized(name: str, base: Any) -> None:  # noqa: ANN401 - of transformers
    quantization = getattr(base, "quantization_config", None)
    if quantization is not None:
        raise ConfigError(
            f"base model: {name!r} is quantized ({quantization['quant_method']}), so "
            "no update can be added to its weights; merge into the model that it was made from"
        )


def _merge(base: Any, adapter: Path) -> Any:  # noqa: ANN401 - of transformers
    try:
        return PeftModel.from_pretrained(base, adapter).merge_and_unload(safe_merge=True)
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise AdapterError(f"{adapter}: PEFT cannot merge it: {reason}") from None


def _cast(name: str, weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    rounded = weight.to(dtype)
    if not torch.isfinite(rounded).all():
        raise AdapterError(f"{name}: the merged weight exceeds {dtype}; give --dtype float32")
    return rounded


def _save(model: Any, folder: Path) -> None:  # noqa: ANN401 - of transformers
    """Save a model with its generation settings as they are.

    transformers refuses to save settings that it loads, e.g. a temperature without sampling.
    """
    settings, model.generation_config = model.generation_config, GenerationConfig()
    model.save_pretrained(folder)
    settings.to_json_file(folder / "generation_config.json")


def _provenance(served: ServedAdapter, model: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "base_model": served.base,
        "base_revision": served.config.revision,
        "base_commit": getattr(model.config, "_commit_hash", None),
        "adapter": str(served.folder.resolve()),
        "adapter_sha256": served.sha256,
        "adapter_config_sha256": digest_of(served.folder / CONFIG_FILE),
        "dtype": str(model.dtype).removeprefix("torch."),
        "versions": versions(PACKAGES),
    }
