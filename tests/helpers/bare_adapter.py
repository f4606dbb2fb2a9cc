"""The smallest LoRA adapter that passes as one: a pair of matrices, written without torch."""

import json

import numpy as np
from safetensors.numpy import save_file

LAYER = "base_model.model.model.layers.0.self_attn.q_proj"
# Of the embedded model's layer, so that it fits that base too.
_WIDTH = 576


def write_adapter(folder, base="scripted", rank=8, **changes):
    """Write an adapter; return its folder.

    Args:
        changes: Further keys of its configuration.
    """
    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": 16,
        "base_model_name_or_path": str(base),
        "target_modules": ["q_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config | changes))
    tensors = {
        f"{LAYER}.lora_A.weight": np.ones((rank, _WIDTH), np.float32),
        f"{LAYER}.lora_B.weight": np.ones((_WIDTH, rank), np.float32),
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder
