"""The trainer: LoRA adapters from shards of prompt-completion rows."""
