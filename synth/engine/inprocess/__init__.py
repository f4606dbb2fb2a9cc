"""What vLLM in this process needs beside the engine: settings, streams, adapters on a CPU."""
