"""Processes of ours: modules, signals, output, memory, and the end of their parent."""
