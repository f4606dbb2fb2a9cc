"""LoRA adapters on disk: whether vLLM serves them, and on which base."""
