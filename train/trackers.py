"""Experiment trackers: packages of their own."""

from selflengthen.packages import require
from train.config import TrainConfig


def check_trackers(config: TrainConfig) -> None:
    """Check that every configured tracker is installed.

    Raises: ConfigError: one is not.
    """
    for tracker in config.trackers:
        require("trackers", [tracker], f"pip install {tracker}")
