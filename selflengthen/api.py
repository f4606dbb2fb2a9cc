"""Self-Lengthen from Python: what the commands do, with typed results instead of exit codes.

Progress is shown as the commands show it. What a command ends with in one line is raised, as a
`selflengthen.errors.CommandError`.
"""

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from selflengthen.errors import UsageError
from selflengthen.process.signals import handled_by, interrupt_other_threads

if TYPE_CHECKING:
    from filters.rule import Verdict
    from selflengthen.contract.exam.evaluation import Evaluation
    from selflengthen.contract.provenance import Provenance
    from selflengthen.contract.record import Record
    from selflengthen.contract.row import Row
    from synth.config import RunConfig
    from synth.final.collect import CollectResult
    from synth.run.iteration import RunResult

T = TypeVar("T")


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> "RunConfig":
    """Read the configuration of a run.

    Args:
        overrides: As the commands' `-o`, e.g. `["num_instructions=8"]`.

    Raises: ConfigError: a key is unknown or a value cannot be used; with its place and the remedy.
    """
    from selflengthen.config_file import load_config
    from synth.config import RunConfig

    return load_config(RunConfig, Path(path), overrides)


def synthesize(config: "RunConfig", out: str | Path, iteration: int = 1) -> "RunResult":
    """Synthesize one macro-iteration of data, or what is left of it, as `synth run` does.

    In a notebook, whose event loop runs already, the work is done in a thread; a Ctrl-C (the
    notebook's stop button) interrupts it as it interrupts the command. A script calls it under
    `if __name__ == "__main__":`, for vLLM's processes import the script.

    Returns: what it came to; `state` is `interrupted` after a Ctrl-C, and the same call goes on.
    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    from synth.cluster.choice import run_as_configured
    from synth.run.directory import RunDirectory

    _refuse_import("synthesize")
    directory = RunDirectory(Path(out))
    return _beside_running_loop(lambda: run_as_configured(config, iteration, directory))


def collect(
    config: "RunConfig",
    out: str | Path,
    iterations: Sequence[int] = (),
    more: int | None = None,
) -> "CollectResult":
    """Collect pairs and write length demands into their queries, as `synth collect` does.

    Args:
        out: Directory of the runs.
        iterations: Whose pairs are taken; all that are complete by default.
        more: First so many further instructions, with what the last iteration trained.

    Returns: what it came to; `collection` is None after a Ctrl-C, and the same call goes on.
    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; what was finished is kept.
    """
    from synth.cluster.choice import run_as_configured
    from synth.final import collect as final
    from synth.final.more import further_run, with_more
    from synth.run.directory import RunDirectory

    _refuse_import("collect")
    settings, directory = with_more(config, more), RunDirectory(Path(out))

    def work() -> "CollectResult":
        if settings.collect.more is not None:
            further, place, number = further_run(settings, directory)
            if run_as_configured(further, number, place).state == "interrupted":
                return final.CollectResult(directory.final, None)
        return final.collect(settings, directory, iterations)

    return _beside_running_loop(work)


def evaluate(
    config: "RunConfig",
    out: str | Path,
    subjects: Sequence[str] = ("base",),
    run: str | Path | None = None,
) -> "Evaluation | None":
    """Measure how well answers meet the lengths that requests ask for, as `synth eval` does.

    Args:
        out: Directory of the answers.
        subjects: `base`, `iteration-N`, `final`, or `NAME=FOLDER` of an adapter.
        run: Directory of the loop that trained them.

    Returns: the measures; None after a Ctrl-C, and the same call goes on.
    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; answers that were finished are kept.
    """
    from synth.eval.directory import ExamDirectory
    from synth.eval.prepare import prepare_eval
    from synth.run.directory import RunDirectory

    _refuse_import("evaluate")
    loop_directory = RunDirectory(Path(run)) if run else None
    sitting = prepare_eval(config, tuple(subjects), loop_directory, ExamDirectory(Path(out)))
    return _beside_running_loop(sitting.run)


def fit(
    config: str | Path,
    data: str | Sequence[str],
    out: str | Path,
    adapter: str | Path | None = None,
    overrides: Sequence[str] = (),
) -> "Provenance":
    """Train an adapter, or go on with a training that was stopped, as `train sft` does.

    Args:
        config: YAML file of the training.
        data: Shards: files, folders or globs.
        adapter: Folder of an adapter that is trained further.

    Returns: where the adapter comes from, with the metrics of its training.
    Raises: ShardError, AdapterError, ConfigError, DirectoryError: what is wrong with the input.
    """
    from selflengthen.config_file import load_config
    from selflengthen.contract.provenance import Provenance
    from selflengthen.files.json_file import read_as
    from train.config import TrainConfig
    from train.training import train_adapter

    settings = load_config(TrainConfig, Path(config), overrides)
    paths = [data] if isinstance(data, str) else list(data)
    train_adapter(settings, paths, Path(out), Path(adapter) if adapter else None)
    return read_as(Provenance, Path(out) / "provenance.json", "train again")


def read_records(out: str | Path, iteration: int = 1) -> Iterator["Record"]:
    """Yield the accepted samples of a macro-iteration, with their lineage.

    Raises: CorruptFileError: a line is not as it was written.
    """
    from synth.run.directory import RunDirectory

    return RunDirectory(Path(out)).iteration(iteration).read_records()


def read_rows(
    out: str | Path, role: Literal["generator", "extender"], iteration: int = 1
) -> Iterator["Row"]:
    """Yield the rows that a role's adapter is trained on.

    Raises: CorruptFileError: a line is not as it was written.
    """
    from synth.run.directory import RunDirectory

    return RunDirectory(Path(out)).iteration(iteration).read_rows(role)


def judge(text: str, instruction: str | None = None, profile: str = "default") -> "Verdict":
    """Judge a text as `synth filter` does.

    Args:
        instruction: Tells the language that the text should be in.
        profile: Its name, or one of your own as `package.module:Name`.

    Raises: UsageError, ConfigError: there is no such profile.
    """
    from filters import Circumstances, profile_named

    verdict: Verdict = profile_named(profile).judge(text, Circumstances(instruction=instruction))
    return verdict


def _refuse_import(function: str) -> None:
    """Refuse what starts an engine in a process of an engine that imports the calling script."""
    # As `multiprocessing` tells it.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UsageError(
            f"selflengthen.{function}: called while a process of the engine imports this script; "
            "call it under `if __name__ == '__main__':`"
        )


def _beside_running_loop(work: Callable[[], T]) -> T:
    """Do work that runs an event loop of its own; in a thread if this one has a loop that runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(max_workers=1) as pool, handled_by(interrupt_other_threads):
        return pool.submit(work).result()
