"""What is wrong with what a person gave the trainer."""

from selflengthen.errors import CommandError, UsageError


class ShardError(UsageError):
    """Rows that cannot be trained on, with file and line."""


class TrainingError(CommandError):
    """A training that cannot start or go on."""
