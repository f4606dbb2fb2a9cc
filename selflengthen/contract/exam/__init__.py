"""What `synth eval` and `synth guard` write."""
