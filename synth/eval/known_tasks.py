"""Tasks of lm-eval (EleutherAI's harness), for the base and every adapter, in its own process."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selflengthen.contract.exam.guard_report import TaskResult
from selflengthen.contract.exam.task_results import TaskResults
from selflengthen.errors import ConfigError, DirectoryError
from selflengthen.files.atomic_file import write_json
from selflengthen.files.json_file import read_as, read_json
from selflengthen.packages import require
from synth.engine.config import ModelConfig
from synth.eval.subjects import Subject
from synth.eval_config import GuardConfig

_DELETE = "delete it, then the same command makes it anew"


def results_file(folder: Path, subject: str) -> Path:
    """Return where a subject's results are written."""
    return folder / "tasks" / f"{subject}.json"


def read_results(folder: Path, subject: str) -> dict[str, TaskResult]:
    """Read a subject's results; none if it did no tasks."""
    path = results_file(folder, subject)
    return read_as(TaskResults, path, _DELETE).tasks if path.exists() else {}


def check_tasks(config: GuardConfig) -> None:
    """Check that what tasks need is there.

    Raises: ConfigError: lm-eval is not installed, or there is no such folder.
    """
    if not config.tasks:
        return
    require("guard.tasks", ["lm_eval"], "pip install 'lm-eval[hf]'")
    if config.tasks_path is not None and not Path(config.tasks_path).is_dir():
        raise ConfigError(f"guard.tasks_path: no folder {config.tasks_path!r}; name the tasks' own")


def run_tasks(
    subjects: Sequence[Subject], config: GuardConfig, model: ModelConfig, folder: Path
) -> None:
    """Let every subject do the tasks that it has not done; each is a process of lm-eval.

    Raises: DirectoryError: what is there is of other tasks or of another adapter.
    Raises: ConfigError: lm-eval refuses, with its last line.
    """
    for subject in subjects if config.tasks else ():
        wanted = TaskResults(
            adapter=subject.digest, names=config.tasks, limit=config.tasks_limit, tasks={}
        )
        path = results_file(folder, subject.name)
        if path.exists():
            _check(read_as(TaskResults, path, _DELETE), wanted, path)
            continue
        found = _run(subject, config, model, folder / "tasks" / f"{subject.name}.log")
        write_json(path, wanted.model_copy(update={"tasks": found}))


def _check(found: TaskResults, wanted: TaskResults, path: Path) -> None:
    if found.model_copy(update={"tasks": {}}) != wanted:
        raise DirectoryError(f"{path}: of other tasks or another adapter; {_DELETE}")


def _run(
    subject: Subject, config: GuardConfig, model: ModelConfig, log: Path
) -> dict[str, TaskResult]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as out:
        with log.open("wb") as file:
            command = [*_command(subject, config, model), "--output_path", out]
            code = subprocess.run(command, stdout=file, stderr=file, check=False).returncode
        written = sorted(Path(out).rglob("results_*.json"))
        if code or not written:
            raise ConfigError(f"guard.tasks: lm-eval: {_last_line(log)}; its log: {log}")
        results = read_json(written[-1], "run it again")["results"]
    return {name: _result(values) for name, values in results.items()}


def _command(subject: Subject, config: GuardConfig, model: ModelConfig) -> list[str]:
    arguments = {
        "pretrained": model.name,
        "revision": model.revision,
        "trust_remote_code": model.trust_remote_code or None,
        "peft": subject.adapter and str(subject.adapter.path),
        "dtype": "auto",
    }
    given = ",".join(f"{key}={value}" for key, value in arguments.items() if value is not None)
    command = [*(sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", given)]
    command += ["--tasks", ",".join(config.tasks)]
    if config.tasks_limit is not None:
        command += ["--limit", str(config.tasks_limit)]
    if config.tasks_path is not None:
        command += ["--include_path", config.tasks_path]
    return command


def _result(values: dict[str, Any]) -> TaskResult:
    """Keep the metrics, which lm-eval names `metric,filter`; it counts samples beside them."""
    return TaskResult(
        metrics={
            name: float(value)
            for name, value in values.items()
            if "," in name and isinstance(value, int | float)
        }
    )


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "no output"
