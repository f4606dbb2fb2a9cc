"""Engines: what answers requests, and what stands between the pipeline and it."""
