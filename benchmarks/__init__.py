"""Benchmarks: each is one command, prints a table and writes its result."""
