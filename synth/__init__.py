"""The synthesizer: drives vLLM through the method and writes training shards."""
