"""What a training says: before it, step by step, and in its provenance."""
