"""The layers that an adapter's configuration targets, found by PEFT on a base without weights."""

import warnings

import torch
from peft import LoraConfig, PeftConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from selflengthen.adapter.config import CONFIG_FILE
from selflengthen.adapter.digest import WEIGHTS_FILE
from selflengthen.adapter.served import ServedAdapter
from selflengthen.errors import AdapterError

_PREFIX = "base_model.model."


def check_coverage(adapter: ServedAdapter) -> None:
    """Check that every targeted layer has its update; nothing if the base cannot be laid out.

    Raises: AdapterError: a layer without its update, or no layer of the base is targeted.
    """
    folder = adapter.folder
    base = empty_base(adapter.base, adapter.config.revision)
    if base is None:
        return
    peft_config = PeftConfig.from_pretrained(str(folder))
    targeted = targeted_layers(base, peft_config, f"{folder / CONFIG_FILE}")
    missing = targeted - {update.module for update in adapter.weights.updates}
    if missing:
        raise AdapterError(
            f"{folder / WEIGHTS_FILE}: {min(missing)} has no lora_A and lora_B, though "
            f"{CONFIG_FILE} targets it ({len(missing)} such layers); save the adapter again, from "
            "one process that holds all of it"
        )


def targeted_layers(base: torch.nn.Module, peft_config: LoraConfig, place: str) -> set[str]:
    """Let PEFT choose the layers; it alone knows all its rules of selection.

    Raises: AdapterError: the base has no such layer; names the place of the configuration.
    """
    peft_config.init_lora_weights = False
    try:
        with warnings.catch_warnings(action="ignore"):
            model = get_peft_model(base, peft_config, low_cpu_mem_usage=True)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise AdapterError(
            f"{place}: does not fit the base model: {reason}; name layers that it has, or use "
            "the base that the adapter was trained on"
        ) from None
    names = (name for name, module in model.named_modules() if hasattr(module, "lora_A"))
    return {name.removeprefix(_PREFIX) for name in names}


def empty_base(
    name: str, revision: str | None, *, trust_remote_code: bool = False
) -> torch.nn.Module | None:
    """Build a base on the meta device, from its configuration on this machine.

    Returns: nothing if it is not there, or is built by code that may not run.
    """
    options = {"revision": revision, "trust_remote_code": trust_remote_code}
    try:
        base_config = AutoConfig.from_pretrained(name, local_files_only=True, **options)
        with torch.device("meta"):
            model: torch.nn.Module = AutoModelForCausalLM.from_config(
                base_config, trust_remote_code=trust_remote_code
            )
    except (OSError, ValueError):
        return None
    return model
