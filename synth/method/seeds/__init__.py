"""Seed instructions, built in (`en`, `zh`) or from the user's file."""
