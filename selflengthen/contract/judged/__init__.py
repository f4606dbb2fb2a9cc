"""What `synth judge` writes."""
