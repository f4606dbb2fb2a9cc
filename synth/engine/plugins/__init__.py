"""What vLLM's own processes load, by entry points of its plug-in system."""
