"""Conversations to token ids, the same in serving and in training."""
