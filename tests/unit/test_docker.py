"""The compose file and the batch scripts: what they say exists, and is said right."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from selflengthen.config_file import load_config
from synth.__main__ import cli as synth_cli
from synth.config import RunConfig
from train.__main__ import cli as train_cli
from train.config import TrainConfig

COMPOSE = Path("docker/compose.yaml")
CLIS = {"synth": (synth_cli, RunConfig), "train": (train_cli, TrainConfig)}
PROFILES = {"cpu.env": {"cpu", "loop-cpu"}, "gpu.env": {"gpu", "loop"}}
MAX_CONTEXT_BYTES = 5_000_000


def environment(name):
    lines = Path("docker", name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def services(variables):
    """Return the services with variables in their places, as compose puts them there."""

    def value(match):
        return variables.get(match["name"]) or match["default"]

    text = re.sub(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}", value, COMPOSE.read_text())
    assert "$" not in text
    return yaml.safe_load(text)["services"]


def commands():
    for name, profiles in PROFILES.items():
        for service, settings in services(environment(name)).items():
            if profiles & set(settings["profiles"]) and settings["command"][0] in CLIS:
                yield pytest.param(settings["command"], id=f"{name}-{service}")
    for path in sorted(Path("configs/slurm").glob("*.sbatch")):
        for number, line in enumerate(batch_commands(path)):
            yield pytest.param(line, id=f"{path.name}-{number}")


def batch_commands(path):
    text = path.read_text().replace("$CONFIG", "configs/h100.yaml").replace("$role", "extender")
    text = text.replace("$SLURM_ARRAY_TASK_ID", "1")
    for line in text.splitlines():
        if line.startswith("srun "):
            yield shlex.split(line.removeprefix("srun ").split(" || ")[0])


@pytest.mark.parametrize("command", list(commands()))
def test_every_command_parses_and_its_configuration_is_valid(command):
    cli, config = CLIS[command[0]]
    with cli.make_context(command[0], list(command[1:])) as context:
        name, subcommand, arguments = cli.resolve_command(context, command[1:])
        options = subcommand.make_context(name, arguments, parent=context).params
    if "config" in options:
        load_config(config, options["config"], options["overrides"])


def test_there_are_commands_of_both_programs():
    programs = [parameter.values[0][0] for parameter in commands()]
    assert programs.count("synth") >= 6
    assert programs.count("train") >= 4


def test_the_compose_file_follows_the_specification():
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", PROFILES)
def test_a_step_waits_for_the_success_of_one_that_is_there_too(name):
    found = services(environment(name))
    for service in found.values():
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_completed_successfully"}
            assert set(service["profiles"]) <= set(found[other]["profiles"])


def test_nothing_is_published_and_nobody_is_root():
    for service in services({}).values():
        assert not {"ports", "expose", "privileged", "user"} & set(service)
    for path in Path("docker").glob("*.Dockerfile"):
        assert re.findall(r"^USER (\w+)$", path.read_text(), re.MULTILINE) == ["worker"]


def test_the_context_is_small():
    paths = [
        Path(line.removeprefix("!"))
        for line in Path(".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    size = sum(file.stat().st_size for file in files if "__pycache__" not in file.parts)
    assert 100_000 < size < MAX_CONTEXT_BYTES


@pytest.mark.parametrize("path", list(Path("configs/slurm").glob("*.sbatch")), ids=str)
def test_a_batch_script_is_valid_shell(path):
    subprocess.run(["bash", "-n", path], check=True)


def test_requirements_are_those_of_the_extras():
    script = [sys.executable, "docker/requirements.py"]
    done = subprocess.run([*script, "server"], capture_output=True, text=True, check=True)
    assert "pydantic>=2.7" in done.stdout.splitlines()
    assert any(line.startswith("httpx") for line in done.stdout.splitlines())
    failed = subprocess.run([*script, "tpu"], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("extra tpu: unknown; use some of gpu, cpu")
