"""What several benchmarks share: engines, traces, virtual time, results."""
