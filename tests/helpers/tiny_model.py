"""A two-layer Llama of random weights with the embedded model's tokenizer, and adapters for it."""

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

TOKENIZER = "models/smollm2-135m-instruct"
# Large enough to change the logits visibly, whatever the rank.
_B_SCALE = 0.1


def build_tiny_model(folder, seed=0, dtype=torch.float32):
    """Write model and tokenizer; return the folder."""
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).to(dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Path(folder)


def add_adapter(model_folder, out, seed=0, rank=4, **lora):
    """Write an untrained LoRA adapter whose every lora_B is random; return the folder.

    `lora` goes to PEFT's LoraConfig, e.g. use_dora=True.
    """
    options = {"target_modules": "all-linear", "lora_alpha": 2 * rank, **lora}
    base = AutoModelForCausalLM.from_pretrained(model_folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=rank, **options))
        _randomize(model)
    model.save_pretrained(out)
    return Path(out)


def load_with_adapter(model_folder, adapter, dtype=torch.float32):
    """Load the base with an adapter on top, for inference."""
    base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=dtype)
    return PeftModel.from_pretrained(base, adapter).eval()


def _randomize(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=_B_SCALE)
