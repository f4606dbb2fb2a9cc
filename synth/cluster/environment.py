"""What Ray reads from the environment, some of it as soon as it is imported."""

import os

from synth.config import RunConfig


def set_ray_environment(config: RunConfig) -> None:
    """Turn Ray's telemetry off, and keep a Ray of this machine alone on the loopback address.

    The latter is Ray's switch for macOS and Windows and works on Linux too, in Ray 2.60. An
    address given to ``ray.init`` does not do it: Ray replaces a loopback one by the machine's.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if config.ray.address is None:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
