"""Rendering for terminals: values in, text out."""
