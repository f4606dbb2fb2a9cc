"""`synth status`: what a run directory holds and how far it is."""

import orjson
from rich.console import Console

from foundation.errors import DirectoryError
from synth.display import final_table
from synth.run_directory import RunDirectory


def print_status(directory: RunDirectory, console: Console) -> None:
    """Print the last summary of every macro-iteration.

    Raises: DirectoryError: it is no run directory.
    """
    if not directory.config.is_file():
        raise DirectoryError(
            f"{directory.folder}: no run directory (no config.json in it); give synth run's --out"
        )
    for number in directory.iterations():
        files = directory.iteration(number)
        if not files.metrics.is_file():
            console.print(f"iteration {number}: begun, nothing finished yet")
            continue
        try:
            summary = orjson.loads(files.metrics.read_bytes())
        except orjson.JSONDecodeError as error:
            raise DirectoryError(f"{files.metrics}: not JSON: {error}; delete it") from None
        if summary["state"] == "running" and not directory.is_locked():
            summary["state"] = "interrupted; the same command resumes it"
        console.print(final_table(summary, str(files.folder)))
