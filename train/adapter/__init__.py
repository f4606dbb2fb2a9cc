"""LoRA adapters: checked, continued, merged."""
