"""`synth collect --more`: a further data run with what the last iteration trained."""

from selflengthen.errors import DirectoryError
from synth.config import RunConfig
from synth.run.directory import MoreDirectory, RunDirectory


def with_more(config: RunConfig, num_instructions: int | None) -> RunConfig:
    """Ask for so many further instructions; None: for as many as configured."""
    if num_instructions is None:
        return config
    collect = config.collect.model_copy(update={"more": num_instructions})
    return config.model_copy(update={"collect": collect})


def further_run(config: RunConfig, directory: RunDirectory) -> tuple[RunConfig, MoreDirectory, int]:
    """Return what `synth run` is to do: its configuration, its directory and the iteration.

    The run goes on from the last complete iteration, in a folder of its own, so that it may ask for
    another number of instructions.

    Raises: DirectoryError: no iteration is complete, or one was added after such a run was begun.
    """
    complete = [
        number for number in directory.iterations() if directory.iteration(number).manifest.exists()
    ]
    if not complete:
        raise DirectoryError(f"{directory.folder}: no iteration is complete; run `synth run` first")
    more, number = directory.more, max(complete) + 1
    if begun := [one for one in more.iterations() if one != number]:
        raise DirectoryError(
            f"{more.folder}: made with what iteration {begun[0] - 1} trained, not {number - 1}; "
            "delete it, then the same command makes it anew"
        )
    return config.model_copy(update={"num_instructions": config.collect.more}), more, number
