"""The layers that an adapter's configuration targets, found by PEFT on a base without weights."""

import warnings
from pathlib import Path

import torch
from peft import PeftConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from train.adapter_config import CONFIG_FILE, AdapterConfig
from train.adapter_weights import WEIGHTS_FILE, AdapterWeights
from train.errors import AdapterError

_PREFIX = "base_model.model."


def check_coverage(folder: Path, config: AdapterConfig, weights: AdapterWeights) -> None:
    """Check that every targeted layer has its update; nothing if the base cannot be laid out.

    Raises: AdapterError: a layer without its update, or no layer of the base is targeted.
    """
    base = _empty_base(config)
    if base is None:
        return
    missing = _targeted(folder, base) - {update.module for update in weights.updates}
    if missing:
        raise AdapterError(
            f"{folder / WEIGHTS_FILE}: {min(missing)} has no lora_A and lora_B, though "
            f"{CONFIG_FILE} targets it ({len(missing)} such layers); save the adapter again, from "
            "one process that holds all of it"
        )


def _targeted(folder: Path, base: torch.nn.Module) -> set[str]:
    """Let PEFT choose the layers; it alone knows all its rules of selection."""
    peft_config = PeftConfig.from_pretrained(str(folder))
    peft_config.init_lora_weights = False
    try:
        with warnings.catch_warnings(action="ignore"):
            model = get_peft_model(base, peft_config, low_cpu_mem_usage=True)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise AdapterError(
            f"{folder / CONFIG_FILE}: does not fit the base model: {reason}; use the base that "
            "the adapter was trained on"
        ) from None
    names = (name for name, module in model.named_modules() if hasattr(module, "lora_A"))
    return {name.removeprefix(_PREFIX) for name in names}


def _empty_base(config: AdapterConfig) -> torch.nn.Module | None:
    """Build the base on the meta device, from its configuration on this machine."""
    try:
        base_config = AutoConfig.from_pretrained(
            config.base_model_name_or_path,
            revision=config.revision,
            local_files_only=True,
            trust_remote_code=False,
        )
        with torch.device("meta"):
            model: torch.nn.Module = AutoModelForCausalLM.from_config(base_config)
    except (OSError, ValueError):
        return None
    return model
