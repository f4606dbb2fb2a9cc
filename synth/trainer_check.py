"""Asking the trainer about its configurations before a loop starts, not hours later."""

import subprocess
import sys
from importlib.util import find_spec

from foundation.errors import ConfigError
from synth.loop_plan import TRAINED_ROLES, LoopPlan, trainer_config


def check_trainers(plan: LoopPlan) -> None:
    """Let the trainer read the configurations of both roles.

    Raises: ConfigError: it refuses one, with its reason, or its libraries are not here.
    """
    if find_spec("trl") is None:
        raise ConfigError("the trainer's trl is not installed; pip install '.[train]'")
    for role in TRAINED_ROLES:
        file = trainer_config(plan.config, role)
        command = (sys.executable, "-m", "train", "config", "--config", str(file))
        ended = subprocess.run(
            [*command, *plan.base_model()], capture_output=True, text=True, check=False
        )
        if ended.returncode:
            reason = ended.stderr.strip().rpartition("\n")[2].removeprefix("error: ")
            raise ConfigError(f"loop.{role.value}: {reason}")
