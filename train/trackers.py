"""Experiment trackers: packages of their own."""

from importlib.util import find_spec

from foundation.errors import ConfigError
from train.config import TrainConfig


def check_trackers(config: TrainConfig) -> None:
    """Check that every configured tracker is installed.

    Raises: ConfigError: one is not.
    """
    for tracker in config.trackers:
        if find_spec(tracker) is None:
            raise ConfigError(f"trackers: {tracker} is not installed; pip install {tracker}")
