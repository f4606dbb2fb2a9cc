"""Shards and the manifest: training rows cut into files of a bounded size."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from selflengthen.contract.manifest import ListedFile, Manifest
from selflengthen.contract.record import Record
from selflengthen.contract.row import Row
from selflengthen.files.atomic_file import atomic_file, json_line, write_json, write_json_lines
from selflengthen.files.digest import digest_of
from selflengthen.plugins import naming, resolve
from synth.method.recipe import Recipe
from synth.method.records import rows_of
from synth.method.stages import ModelRole
from synth.run.directory import IterationFiles
from synth.run.rows.repeated import repeated_rows


def write_shards(files: IterationFiles, recipe: Recipe) -> None:
    """Write the Generator's and the Extender's rows, in the order of the records.

    Records whose responses are nearly alike make one row; the others are written down as rejects.
    """
    left_out = _write_repeated(files, recipe)

    def records() -> Iterator[Record]:
        return (record for record in files.read_records() if record.id not in left_out)

    for role in (ModelRole.GENERATOR, ModelRole.EXTENDER):
        write_rows(partial(_rows, records, role, recipe), role.value, files, recipe)


def _rows(
    records: Callable[[], Iterator[Record]], role: ModelRole, recipe: Recipe
) -> Iterator[Row]:
    return rows_of(records(), role, recipe)


def write_rows(
    make_rows: Callable[[], Iterable[Row]], role: str, files: IterationFiles, recipe: Recipe
) -> None:
    """Write a role's rows as shards, and by writers of a person's own.

    Raises: PluginError: one of these failed.
    """
    shards = _cut(make_rows(), recipe.config.output.shard_max_bytes)
    for number, lines in enumerate(shards):
        with atomic_file(files.shard(role, number)) as file:
            file.writelines(lines)
    for writer in recipe.config.output.writers:
        write = resolve("output.writers", writer)
        with naming(writer):
            write(make_rows(), role, files.shards)


def _write_repeated(files: IterationFiles, recipe: Recipe) -> set[str]:
    max_similarity = recipe.config.output.max_row_similarity
    if max_similarity is None:
        return set()
    rejects = repeated_rows(files, recipe.iteration, max_similarity)
    write_json_lines(files.repeated_rows, rejects)
    return {reject.id for reject in rejects}


def write_manifest(files: IterationFiles, num_instructions: int) -> None:
    """List every data file with its digest and row count; its presence means complete.

    Args:
        num_instructions: How many the iteration was asked for.
    """
    folders = ("records", "rejects", "shards")
    found = (path for name in folders for path in (files.folder / name).glob("*"))
    paths = sorted(path for path in found if path.is_file() and not path.name.startswith("."))
    listed = tuple(_describe(path, files.folder) for path in paths)
    write_json(files.manifest, Manifest(num_instructions=num_instructions, files=listed))


def _cut(rows: Iterable[Row], max_bytes: int) -> Iterator[Iterator[bytes]]:
    """Group lines so that no group exceeds `max_bytes`, except a single longer line."""
    lines = map(json_line, rows)
    waiting = next(lines, None)

    def group() -> Iterator[bytes]:
        nonlocal waiting
        num_bytes = 0
        while waiting is not None and (not num_bytes or num_bytes + len(waiting) <= max_bytes):
            num_bytes += len(waiting)
            yield waiting
            waiting = next(lines, None)

    while waiting is not None:
        yield group()


def _describe(path: Path, folder: Path) -> ListedFile:
    with path.open("rb") as file:
        num_rows = sum(1 for _ in file)
    return ListedFile(
        path=str(path.relative_to(folder)),
        rows=num_rows,
        bytes=path.stat().st_size,
        sha256=digest_of(path),
    )
