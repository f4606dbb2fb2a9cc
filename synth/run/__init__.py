"""One macro-iteration, from its configuration to its manifest."""
