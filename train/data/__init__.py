"""From shards to token ids."""
