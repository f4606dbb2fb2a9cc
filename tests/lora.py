"""A LoRA adapter of random weights for the embedded model, large enough to change every answer."""

import json

import torch
from safetensors.torch import save_file

MODEL = "models/smollm2-135m-instruct"
RANK = 8


def write_adapter(folder, seed):
    with open(f"{MODEL}/config.json", encoding="utf-8") as file:
        model = json.load(file)
    generator = torch.Generator().manual_seed(seed)
    width, num_heads = model["hidden_size"], model["num_attention_heads"]
    head_width = model.get("head_dim") or width // num_heads
    tensors = {}
    for layer in range(model["num_hidden_layers"]):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{name}.lora_A.weight"] = torch.randn(RANK, width, generator=generator)
        tensors[f"{name}.lora_B.weight"] = torch.randn(
            num_heads * head_width, RANK, generator=generator
        )
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": MODEL,
        "r": RANK,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": ["q_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
