"""`synth status`: what a run directory holds and how far it is."""

from collections.abc import Iterator

from rich.console import Console, RenderableType

from selflengthen.contract.collection import Collection
from selflengthen.contract.metrics import Metrics
from selflengthen.errors import DirectoryError
from selflengthen.files.json_file import read_as
from synth.display.collection import collection_lines
from synth.display.run import final_table, held_out_line
from synth.method.books.measure import summarize_held_out
from synth.method.stages import TRAINED_ROLES
from synth.run.directory import IterationFiles, RunDirectory


def print_status(directory: RunDirectory, console: Console) -> None:
    """Print the last summary of every macro-iteration, and which adapters were trained on it.

    Raises: DirectoryError: it is no run directory.
    """
    if not directory.config.is_file():
        raise DirectoryError(
            f"{directory.folder}: no run directory (no config.json in it); give synth run's --out"
        )
    for number in directory.iterations():
        files = directory.iteration(number)
        if not files.metrics.is_file():
            console.print(f"iteration {number}: {_beginning(files)}", highlight=False)
            continue
        console.print(_table(files, is_locked=directory.is_locked()))
        if trained := [role for role in TRAINED_ROLES if files.provenance(role).exists()]:
            console.print(f"adapters of iteration {number}: {', '.join(trained)}", highlight=False)
    for line in _last_step(directory):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _last_step(directory: RunDirectory) -> Iterator[str]:
    """Yield what there is of the final data, the final model and its measures."""
    files = directory.final
    if files.manifest.exists():
        collection = read_as(Collection, files.collection, "delete it")
        yield from collection_lines(collection, str(files.folder))
        if files.provenance("final").exists():
            yield f"final model: {files.adapter('final')}"
    for folder in (directory.eval_folder, directory.guard_folder):
        if names := sorted(path.stem for path in folder.glob("answers/*.jsonl")):
            yield f"answered: {', '.join(names)}; {folder}"


def _table(files: IterationFiles, *, is_locked: bool) -> RenderableType:
    metrics = read_as(Metrics, files.metrics, "delete it")
    if metrics.state == "running" and not is_locked:
        state = "interrupted; the same command resumes it"
        metrics = metrics.model_copy(update={"state": state})
    return final_table(metrics, str(files.folder))


def _beginning(files: IterationFiles) -> str:
    """Say what there is of an iteration without a summary."""
    held_out = summarize_held_out(files.read_held_out())
    if held_out is None:
        return "begun, nothing finished yet"
    return f"only measured; held-out answers: {held_out_line(held_out)}"
