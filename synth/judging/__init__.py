"""Judged quality: what a model of the user's thinks of the answers of `synth eval`."""
