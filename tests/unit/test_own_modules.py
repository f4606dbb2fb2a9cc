"""No command and no step of ours picks up a module of the working directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command import environment
from model_variants import variant
from selflengthen.process.own_modules import ROOT
from synth.loop.processes import StepProcess

SHADOW = """
from pathlib import Path
Path({marker!r}).write_text(__name__)
raise SystemExit(7)
"""
MODULES = ("train", "synth", "selflengthen", "accelerate", "vllm", "trl", "ray", "json", "random")
# What an installed script does: the working directory is not on its path.
SCRIPT = "import sys; sys.argv[0] = 'synth'; from {package}.__main__ import main; main()"
RAY = """
from scripted_runs import small_config
from synth.cluster.environment import set_ray_environment
config = small_config()
set_ray_environment(config)
import ray
from synth.cluster.session import connect
connect(config)
@ray.remote
def files():
    import filters, selflengthen, synth, train
    return [module.__file__ for module in (filters, selflengthen, synth, train)]
print(*ray.get(files.remote()), sep="\\n")
"""


def write_shadows(folder, *names):
    shadow = SHADOW.format(marker=str(folder / "picked-up"))
    for name in names:
        (folder / f"{name}.py").write_text(shadow)
    (folder / "filters").mkdir()
    (folder / "filters" / "__init__.py").write_text(shadow)


@pytest.fixture
def folder(tmp_path):
    """A working directory with modules of a person's that have our names, and others'."""
    folder = tmp_path / "work"
    folder.mkdir()
    write_shadows(folder, *MODULES)
    yield folder
    assert not (folder / "picked-up").exists()


def run(folder, *command, paths=(), **options):
    path = os.pathsep.join(map(str, (ROOT, *paths)))
    env = environment() | {"PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        **options,
    )


def script(package):
    return ("-P", "-c", SCRIPT.format(package=package))


@pytest.mark.parametrize(
    ("package", "arguments", "code"),
    [
        ("synth", ["--help"], 0),
        ("synth", ["filter"], 0),
        ("synth", ["status", "."], 2),
        ("synth", ["run", "--config", "none.yaml", "--out", "out"], 2),
        ("synth", ["measure", "--config", "none.yaml", "--out", "out", "--iteration", "1"], 2),
        ("train", ["--help"], 0),
        ("train", ["config", "--config", ROOT / "configs/train/cpu.yaml"], 0),
        ("train", ["check", "none"], 2),
        ("train", ["merge", "none", "--out", "out"], 2),
        ("train", ["sft", "--config", "none.yaml", "--data", "x", "--out", "out"], 2),
    ],
)
def test_a_command_works_beside_modules_of_its_names(folder, package, arguments, code):
    done = run(folder, *script(package), *arguments, input="")
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize("package", ["synth", "train"])
def test_a_package_run_as_a_module_takes_the_others_from_its_own_place(tmp_path, package):
    others = {"synth", "train", "selflengthen"} - {package}
    write_shadows(tmp_path, *others)
    done = run(tmp_path, "-m", package, "--help")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "picked-up").exists()


@pytest.mark.parametrize("own_path", [None, "", "."])
@pytest.mark.parametrize("package", ["synth", "train"])
def test_a_step_of_a_loop_is_ours(folder, monkeypatch, package, own_path):
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if own_path is not None:
        monkeypatch.setenv("PYTHONPATH", own_path)
        # Then Python itself finds these there.
        (folder / "json.py").unlink()
        (folder / "random.py").unlink()
    assert StepProcess().run((sys.executable, "-m", package, "--help")) == 0


@pytest.mark.exhaustive
def test_a_loop_asks_our_launched_trainer_and_runs_our_synthesizer(folder, tmp_path):
    """The servers do not answer, so that the loop ends with its first step."""
    model = variant(ROOT / "models/smollm2-135m-instruct", tmp_path / "model")
    (folder / "train.yaml").write_text('{"model": {"name": "x"}, "distributed": "ddp"}')
    overrides = [
        f"model.name={model}",
        "engine.kind=server",
        'engine.urls=["http://127.0.0.1:9"]',
        "loop.generator=train.yaml",
        "loop.extender=train.yaml",
        "loop.processes=2",
        f"loop.accelerate_config={ROOT / 'configs/accelerate/ddp.yaml'}",
    ]
    options = [argument for override in overrides for argument in ("-o", override)]
    config = ROOT / "configs/cpu.yaml"
    loop = ("loop", "--config", config, "--out", "out", "--iterations", 1)
    done = run(folder, *script("synth"), *loop, *options)
    assert done.returncode == 1, done.stderr
    assert "ConnectError" in done.stderr
    assert "iteration 1, run: exit code 1; the same command goes on from there" in done.stderr


def test_replicas_import_our_modules(folder):
    done = run(folder, "-P", "-c", RAY, paths=[ROOT / "tests" / "helpers"])
    assert done.returncode == 0, done.stderr
    files = done.stdout.split()[-4:]
    assert [Path(file).parent.parent for file in files] == [ROOT] * 4
