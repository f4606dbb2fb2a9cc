"""Prompt sets: one folder of templates per language."""
