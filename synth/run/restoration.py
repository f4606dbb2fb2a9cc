"""Taking over what an earlier run of an iteration completed."""

from typing import Protocol

from selflengthen.contract.receipt import Receipt
from selflengthen.errors import CorruptFileError
from selflengthen.files.digest import digest_of
from selflengthen.files.json_file import read_as
from synth.method.recipe import Recipe
from synth.run.directory import IterationFiles
from synth.run.tally import Tally


class Settling(Protocol):
    """What must know which slots are closed."""

    def settle(self, sequence: int, instruction: str | None) -> None:
        """Close a slot, with its instruction or without one."""


def restore(recipe: Recipe, files: IterationFiles, tally: Tally, registry: Settling) -> list[int]:
    """Book complete cohorts and settle their slots; return the indices of those that remain.

    A complete iteration that was asked for more is complete no longer.

    Raises: CorruptFileError: a file of a complete cohort is not as it was written.
    """
    files.manifest.unlink(missing_ok=True)
    remaining = []
    for index in range(recipe.plan.num_cohorts):
        if not files.receipt(index).exists():
            remaining.append(index)
            continue
        receipt = read_receipt(files, index)
        for sequence, instruction in settled_slots(recipe, receipt):
            registry.settle(sequence, instruction)
        tally.complete_cohort(receipt)
        files.journal(index).unlink(missing_ok=True)
    return remaining


def settled_slots(recipe: Recipe, receipt: Receipt) -> list[tuple[int, str | None]]:
    """Return the sequence number of each slot of a complete cohort with what it accepted."""
    instructions = {row.sequence: row.text for row in receipt.instructions}
    slots = recipe.plan.slots(receipt.cohort)
    return [(slot.sequence, instructions.get(slot.sequence)) for slot in slots]


def read_receipt(files: IterationFiles, cohort: int) -> Receipt:
    """Read what a complete cohort came to.

    Raises: CorruptFileError: it, or a file of the cohort, is not as it was written.
    """
    receipt = read_as(Receipt, files.receipt(cohort), "delete it and its cohort is made again")
    _check_files(files, receipt)
    return receipt


def _check_files(files: IterationFiles, receipt: Receipt) -> None:
    """Check that the files of a complete cohort are as they were written.

    Raises: CorruptFileError: one is missing or another.
    """
    for path in files.data_files(receipt.cohort):
        found = digest_of(path) if path.exists() else None
        if found != receipt.sha256.get(path.parent.name):
            raise CorruptFileError(
                f"{path}: {'missing' if found is None else 'not as it was written'}; restore "
                f"it, or delete {files.receipt(receipt.cohort)} and its cohort is made again"
            )
