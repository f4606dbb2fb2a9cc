"""Self-Lengthen: what `synth`, `filters` and `train` stand on."""
