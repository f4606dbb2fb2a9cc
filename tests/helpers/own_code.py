"""The examples of docs/extending.md as a folder that `synth run` is called in."""

import json
import re

from command import synth
from selflengthen.process.own_modules import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
BASE = {
    "num_instructions": 6,
    "cohort_instructions": 3,
    "model": {"name": "none"},
    "held_out": {"num_instructions": 2},
    "engine": {
        "kind": "my_code:Engine",
        "max_num_seqs": 8,
        "max_num_batched_tokens": 512,
        "max_model_len": 4096,
    },
    "expand": {"max_similarity": None},
    "extend": {"attempts": 2, "micro_iterations": 1},
    "length_sampling": {"scorer": "my_code:score"},
    "filter": {"rules": ["my_code:no_lists", "my_code:NoHtml"]},
    "output": {"writers": ["my_code:write"]},
}


def write_own_code(folder):
    (folder / "my_code.py").write_text("\n\n".join(BLOCKS), "utf-8")
    return folder


def run_own_code(folder, *arguments, **changes):
    (folder / "run.yaml").write_text(json.dumps(BASE | changes), "utf-8")
    return synth("run", "--config", "run.yaml", "--out", "out", *arguments, cwd=folder)
