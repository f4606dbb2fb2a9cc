"""The tensors that an adapter's configuration makes on its base, without weights of either."""

import warnings
from pathlib import Path

import torch
from peft import PeftConfig, get_peft_model, get_peft_model_state_dict
from transformers import AutoConfig, AutoModelForCausalLM

from train.adapter_config import AdapterConfig
from train.errors import AdapterError


def expected_shapes(folder: Path, config: AdapterConfig) -> dict[str, tuple[int, ...]] | None:
    """Let PEFT lay the adapter out on an empty base; none if the base is not on this machine.

    Raises: AdapterError: the base has none of the targeted layers.
    """
    base = _empty_base(config)
    if base is None:
        return None
    peft_config = PeftConfig.from_pretrained(str(folder))
    peft_config.init_lora_weights = False
    with warnings.catch_warnings(action="ignore"):
        try:
            model = get_peft_model(base, peft_config, low_cpu_mem_usage=True)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise AdapterError(
                f"{config.path}: does not fit the base model {config.base}: {reason}"
            ) from None
        tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _empty_base(config: AdapterConfig) -> torch.nn.Module | None:
    """Build the base on the meta device.

    Checkpoints may name their layers otherwise than the model that is trained; this one doesn't.
    """
    try:
        base_config = AutoConfig.from_pretrained(
            config.base, revision=config.revision, local_files_only=True, trust_remote_code=False
        )
        with torch.device("meta"):
            model: torch.nn.Module = AutoModelForCausalLM.from_config(base_config)
    except (OSError, ValueError):
        return None
    return model
