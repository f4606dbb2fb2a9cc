"""What can be checked before a training beside its rows: base model, layers, machine."""

import torch
from accelerate import Accelerator
from transformers import AutoConfig, AutoModelForCausalLM

from train.adapter.base_layout import targeted_layers
from train.config import ModelConfig, TrainConfig
from train.lora_model import check_quantization, naming_model, peft_config_of
from train.processes import check_distributed
from train.trackers import check_trackers


def check_ready(config: TrainConfig) -> None:
    """Check that a training could start here; the base's weights are not loaded.

    Raises: ConfigError, AdapterError, TrainingError: what it would be refused for.
    """
    check_trackers(config)
    check_quantization(config.model)
    accelerator = Accelerator(cpu=not torch.accelerator.is_available())
    check_distributed(accelerator, config)
    with naming_model(config.model):
        base = _lay_out(config.model)
    targeted_layers(base, peft_config_of(config), "lora.target_modules")
    accelerator.end_training()


def _lay_out(model: ModelConfig) -> torch.nn.Module:
    """Build the base without weights, with the attention that it would be trained with."""
    base_config = AutoConfig.from_pretrained(
        model.name, revision=model.revision, trust_remote_code=model.trust_remote_code
    )
    with torch.device("meta"):
        base: torch.nn.Module = AutoModelForCausalLM.from_config(
            base_config,
            trust_remote_code=model.trust_remote_code,
            attn_implementation=model.attention,
        )
    return base
