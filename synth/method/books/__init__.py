"""What became of every request: outcomes, tokens, verdicts."""
