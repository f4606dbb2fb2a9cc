"""The processes of one training: which of them this is, and how they share the work."""

import os
from typing import Any

from train.config import TrainConfig
from train.errors import TrainingError

# Kinds of accelerate's `DistributedType` by what the configuration calls them.
_KINDS = {
    "none": {"NO"},
    "ddp": {"MULTI_CPU", "MULTI_GPU"},
    "fsdp2": {"FSDP"},
    "zero3": {"DEEPSPEED"},
}


def is_main_process() -> bool:
    """Tell whether this is the only process, or the first of several."""
    return int(os.environ.get("RANK", "0")) == 0


def check_distributed(accelerator: Any, config: TrainConfig) -> None:  # noqa: ANN401
    """Check that the launcher set up what the configuration asks for.

    An accelerate file can fall back to another kind without a word.

    Raises: TrainingError: it set up another kind.
    """
    found = accelerator.distributed_type.value
    if found not in _KINDS[config.distributed]:
        raise TrainingError(
            f"distributed: {config.distributed} is configured, but the processes run as {found}; "
            f"start with configs/accelerate/{config.distributed}.yaml or set distributed to what "
            "is running"
        )
    if config.distributed == "fsdp2" and not accelerator.is_fsdp2:
        raise TrainingError("distributed: fsdp2 is configured, but accelerate set up FSDP 1")
