"""The frozen base with the adapter that is trained: a new one, or an earlier one continued."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, set_seed
from transformers.utils.logging import disable_progress_bar

from selflengthen.errors import AdapterError, ConfigError, first_line
from selflengthen.process.hardware import cpu_dtype
from train.config import ModelConfig, TrainConfig


def load_lora_model(config: TrainConfig, previous: Path | None) -> Any:  # noqa: ANN401 - of PEFT
    """Load the base, and put a fresh adapter or a continued one on it.

    Raises: ConfigError: the base cannot be loaded. AdapterError: nothing of the adapter is trained.
    """
    base = _load_base(config)
    set_seed(config.seed)
    # Under ZeRO-3 all gathered parameters must share one type.
    autocast = config.distributed != "zero3"
    if previous is None:
        peft_config = peft_config_of(config)
        model = get_peft_model(base, peft_config, autocast_adapter_dtype=autocast)
    else:
        model = PeftModel.from_pretrained(
            base, previous, is_trainable=True, autocast_adapter_dtype=autocast
        )
        # The base may have moved since the earlier training.
        model.active_peft_config.base_model_name_or_path = config.model.name
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise AdapterError("the adapter has no trainable parameter; check lora.target_modules")
    return model


def native_dtype(model: ModelConfig) -> torch.dtype:
    """Return the configured type, or the one that the processor computes with natively."""
    if model.dtype != "auto":
        return getattr(torch, model.dtype)
    if torch.cuda.is_available():
        return torch.bfloat16
    return getattr(torch, cpu_dtype())


def _load_base(config: TrainConfig) -> Any:  # noqa: ANN401 - of transformers
    model = config.model
    disable_progress_bar()
    with naming_model(model):
        return AutoModelForCausalLM.from_pretrained(
            model.name,
            revision=model.revision,
            trust_remote_code=model.trust_remote_code,
            dtype=native_dtype(model),
            attn_implementation=model.attention,
            quantization_config=_quantization(model),
        )


@contextmanager
def naming_model(model: ModelConfig) -> Iterator[None]:
    """Say in one line why a base model cannot be loaded."""
    try:
        yield
    except (OSError, ValueError, ImportError) as error:
        reason = first_line(error)
        raise ConfigError(
            f"model.name: cannot load {model.name!r}: {reason}; give a Hub id or a folder, and "
            "model.trust_remote_code for one with code of its own"
        ) from None


def check_quantization(model: ModelConfig) -> None:
    """Check that the base can be kept in four bits, if it is to be.

    Raises: ConfigError: not on this machine.
    """
    from transformers.utils import is_bitsandbytes_available

    if model.load_in_4bit and not (torch.cuda.is_available() and is_bitsandbytes_available()):
        raise ConfigError(
            "model.load_in_4bit: QLoRA needs a CUDA GPU and the package bitsandbytes; "
            "set it to false or train on such a machine"
        )


def _quantization(model: ModelConfig) -> Any:  # noqa: ANN401 - of transformers
    check_quantization(model)
    if not model.load_in_4bit:
        return None
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def peft_config_of(config: TrainConfig) -> LoraConfig:
    """Translate the adapter's settings for PEFT."""
    lora, targets = config.lora, config.lora.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,
        use_rslora=lora.use_rslora,
        lora_dropout=lora.dropout,
        target_modules=targets if targets == "all-linear" else list(targets),
        init_lora_weights=True if lora.init == "default" else lora.init,
        revision=config.model.revision,
    )
