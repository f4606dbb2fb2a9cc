"""The frozen base with the adapter that is trained: a new one, or an earlier one continued."""

from pathlib import Path
from typing import Any

import orjson
import torch
from peft import LoraConfig as PeftLoraConfig
from peft import PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, set_seed
from transformers.utils.logging import disable_progress_bar

from foundation.errors import ConfigError
from foundation.hardware import cpu_dtype
from train.config import LoraConfig, ModelConfig, TrainConfig
from train.errors import AdapterError


def load_lora_model(config: TrainConfig, previous: Path | None) -> Any:  # noqa: ANN401 - of PEFT
    """Load the base, and put a fresh adapter or a continued one on it.

    Raises: ConfigError: the base cannot be loaded. AdapterError: nothing of the adapter is trained.
    """
    base = _load_base(config)
    set_seed(config.seed)
    # Under ZeRO-3 all gathered parameters must share one type.
    autocast = config.distributed != "zero3"
    if previous is None:
        peft_config = _peft_config(config.lora, config.model)
        model = get_peft_model(base, peft_config, autocast_adapter_dtype=autocast)
    else:
        model = PeftModel.from_pretrained(
            base, previous, is_trainable=True, autocast_adapter_dtype=autocast
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise AdapterError("the adapter has no trainable parameter; check lora.target_modules")
    return model


def check_continuable(previous: Path, config: TrainConfig) -> None:
    """Check that an adapter to continue is the configured one.

    Raises: AdapterError: rank, alpha, targets or base differ, with both values.
    """
    path = previous / "adapter_config.json"
    try:
        earlier = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise AdapterError(f"--adapter {previous}: cannot read {path.name}: {error}") from None
    lora = config.lora
    pairs = {
        "lora.rank": (earlier.get("r"), lora.rank),
        "lora.alpha": (earlier.get("lora_alpha"), lora.alpha),
        "lora.use_rslora": (bool(earlier.get("use_rslora")), lora.use_rslora),
        "model.name": (
            _base_name(earlier.get("base_model_name_or_path")),
            _base_name(config.model.name),
        ),
    }
    if lora.target_modules != "all-linear":
        targets = sorted(earlier.get("target_modules") or [])
        pairs["lora.target_modules"] = (targets, sorted(lora.target_modules))
    for key, (old, new) in pairs.items():
        if old != new:
            raise AdapterError(
                f"--adapter {previous}: {key} is {old!r} in it and {new!r} in the configuration; "
                "continue with the adapter's value or start a new adapter"
            )


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
    try:
        return AutoModelForCausalLM.from_pretrained(
            model.name,
            revision=model.revision,
            trust_remote_code=model.trust_remote_code,
            dtype=native_dtype(model),
            attn_implementation=model.attention,
            quantization_config=_quantization(model),
        )
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(
            f"model.name: cannot load {model.name!r}: {reason}; give a Hub id or a folder, and "
            "model.trust_remote_code for one with code of its own"
        ) from None


def _quantization(model: ModelConfig) -> Any:  # noqa: ANN401 - of transformers
    if not model.load_in_4bit:
        return None
    from transformers import BitsAndBytesConfig
    from transformers.utils import is_bitsandbytes_available

    if not torch.cuda.is_available() or not is_bitsandbytes_available():
        raise ConfigError(
            "model.load_in_4bit: QLoRA needs a CUDA GPU and the package bitsandbytes; "
            "set it to false or train on such a machine"
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _peft_config(lora: LoraConfig, model: ModelConfig) -> PeftLoraConfig:
    targets = lora.target_modules
    return PeftLoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,
        use_rslora=lora.use_rslora,
        lora_dropout=lora.dropout,
        target_modules=targets if targets == "all-linear" else list(targets),
        init_lora_weights=True if lora.init == "default" else lora.init,
        revision=model.revision,
    )


def _base_name(name: object) -> str:
    path = Path(str(name))
    return str(path.resolve()) if path.exists() else str(name)
