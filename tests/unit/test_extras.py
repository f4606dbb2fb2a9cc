"""A command without a package that it needs says in one line what to install."""

import json
import subprocess
import sys

import pytest

from bare_adapter import write_adapter
from command import environment
from selflengthen.process.own_modules import ROOT

SYNTH = ("--config", ROOT / "configs/cpu.yaml", "--out", "out")
TRAIN = ("--config", ROOT / "configs/train/cpu.yaml", "--data", "rows.jsonl", "--out", "out")
SERVER = ("-o", "engine.kind=server", "-o", 'engine.urls=["http://127.0.0.1:9"]')
REPLICAS = ("-o", "engine.replicas=2")
GENERATOR = ("-o", "adapters.generator=adapter")
COMMANDS = {
    "synth run": (*SYNTH,),
    "synth run, server": (*SYNTH, *SERVER),
    "synth run, replicas": (*SYNTH, *REPLICAS),
    "synth run, adapter": (*SYNTH, *GENERATOR),
    "synth measure": (*SYNTH, "--iteration", 1),
    "synth loop": (*SYNTH, "--iterations", 1),
    "synth loop, replicas": (*SYNTH, *REPLICAS, "--iterations", 1),
    "train sft": TRAIN,
    "train check": ("adapter",),
    "train merge": ("adapter", "--out", "merged"),
}
ENGINE = ("synth run", "synth measure", "synth loop")
ADAPTER = ("train check", "train merge")
NEEDS = {
    "vllm": ENGINE,
    "torch": (*ENGINE, "train sft", *ADAPTER),
    "transformers": (*ENGINE, "synth run, server", "train sft", *ADAPTER),
    "tokenizers": ENGINE,
    "httpx": ("synth run, server",),
    "ray": ("synth run, replicas", "synth loop, replicas"),
    "trl": ("train sft", "synth loop"),
    "peft": ("train sft", *ADAPTER),
    "accelerate": ("train sft",),
    "datasets": ("train sft",),
    "matplotlib": ("train sft",),
    "safetensors": ("synth run, adapter",),
}
# Refuses a package wherever it is looked for, as if it were not there.
HIDING = """
import io, json, sys
from contextlib import redirect_stderr
hidden, commands = json.loads(sys.argv[1])
class Hook:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hook())
from selflengthen.command import run_command
from synth.__main__ import cli as synth
from train.__main__ import cli as train
found = []
for words in commands:
    cli = {"synth": synth, "train": train}[words[0]]
    sys.argv = words
    err = io.StringIO()
    try:
        with redirect_stderr(err):
            run_command(cli)
    except SystemExit as ended:
        found.append([ended.code, err.getvalue()])
print(json.dumps(found))
"""


@pytest.mark.parametrize("package", NEEDS)
def test_a_missing_package_is_one_line_before_anything_is_written(tmp_path, package):
    write_adapter(tmp_path / "adapter", "models/smollm2-135m-instruct")
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    before = sorted(tmp_path.iterdir())
    commands = [
        [*name.partition(",")[0].split(), *map(str, COMMANDS[name])] for name in NEEDS[package]
    ]
    done = subprocess.run(
        [sys.executable, "-c", HIDING, json.dumps([package, commands])],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == len(commands)
    for code, line in found:
        assert code == 2, line
        assert line.count("\n") == 1, line
        assert f"{package} is not installed; pip install " in line
    assert sorted(tmp_path.iterdir()) == before
