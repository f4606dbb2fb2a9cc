"""vLLM's own loader of adapters, on the CPU and without an engine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selflengthen.adapter.config import MAX_SERVED_RANK
from selflengthen.errors import AdapterError
from selflengthen.packages import is_installed

NOT_INSTALLED = "vLLM not installed"


def load_as_vllm(folder: Path, expected_modules: set[str]) -> str:
    """Load an adapter as vLLM does, and tell which version accepted it.

    Args:
        expected_modules: Last parts of the names of the layers that the base has.

    Raises: AdapterError: vLLM refuses it, with its reason.
    """
    if not is_installed("vllm"):
        return NOT_INSTALLED
    with _quiet():
        try:
            # Seconds to import, and not needed to train.
            import vllm
            from vllm.config.lora import LoRAConfig
            from vllm.lora.lora_model import LoRAModel
            from vllm.lora.peft_helper import PEFTHelper
        except ImportError as error:
            return f"vLLM cannot be imported: {' '.join(str(error).split())}"
        try:
            peft = PEFTHelper.from_local_dir(str(folder), max_position_embeddings=None)
            peft.validate_legal(LoRAConfig(max_lora_rank=MAX_SERVED_RANK))
            LoRAModel.from_local_checkpoint(
                str(folder), expected_modules, peft, lora_model_id=1, device="cpu"
            )
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise AdapterError(
                f"{folder}: vLLM {vllm.__version__} refuses it: {reason}; train a plain LoRA "
                "adapter of the base model's linear layers"
            ) from None
    return f"accepted by vLLM {vllm.__version__}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep vLLM's log lines from the terminal; what is wrong with an adapter it raises."""
    earlier = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(earlier)
