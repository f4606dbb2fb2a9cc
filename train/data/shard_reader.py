"""Reading shards: files, folders and globs to validated rows."""

import glob
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from selflengthen.contract.manifest import Manifest
from selflengthen.contract.provenance import ShardSource
from selflengthen.errors import CorruptFileError
from selflengthen.files.json_file import read_json
from selflengthen.files.json_lines import numbered_lines
from selflengthen.files.regular_file import open_regular
from train.data.row import Row, parse_row
from train.errors import ShardError

_ITERATION = re.compile(r"iteration-\d+")


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of rows that has been read."""

    path: Path
    sha256: str
    rows: tuple[Row, ...]

    @property
    def run_config(self) -> Path:
        """Where `config.json` lies if the shard is in a run directory."""
        return self.path.resolve().parent.parent.parent / "config.json"

    def describe(self) -> ShardSource:
        """Return what provenance keeps of it."""
        return ShardSource(path=str(self.path), sha256=self.sha256, rows=len(self.rows))


def read_shards(paths: Iterable[str]) -> list[Shard]:
    """Read and validate every row of one role.

    Raises: ShardError: the first bad row as file:line with the reason, or nothing to read.
    """
    shards = read_rows(paths)
    roles = {row.role for shard in shards for row in shard.rows if row.role}
    if len(roles) > 1:
        raise ShardError(
            f"--data: rows of {' and '.join(sorted(roles))}; an adapter has one role, "
            "e.g. --data 'shards/generator-*.jsonl'"
        )
    return shards


def read_rows(paths: Iterable[str]) -> list[Shard]:
    """Read and validate every row.

    Raises: ShardError: the first bad row as file:line with the reason, or nothing to read.
    """
    shards = [_read(path) for path in _expand(paths)]
    if not any(shard.rows for shard in shards):
        raise ShardError(f"--data {shards[0].path}: no row in it; give shards with rows")
    return shards


def _expand(paths: Iterable[str]) -> list[Path]:
    """Return the files, each once, also where links lead to it on several ways."""
    found: dict[str, Path] = {}
    for path in paths:
        matches = _matches(path)
        if not matches:
            raise ShardError(f"--data {path}: no file; give a JSONL file, a folder or a glob")
        for match in matches:
            found.setdefault(os.path.realpath(match), match)
    return list(found.values())


def _matches(path: str) -> list[Path]:
    if Path(path).is_dir():
        return sorted(Path(path).glob("*.jsonl"))
    if Path(path).exists():
        return [Path(path)]
    return sorted(Path(match) for match in glob.glob(path, recursive=True))


def _read(path: Path) -> Shard:
    try:
        with open_regular(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            _check_manifest(path, digest)
            file.seek(0)
            rows = tuple(_rows(file, path))
    except OSError as error:
        raise ShardError(
            f"--data {error.filename or path}: cannot read: {error.strerror}"
        ) from None
    return Shard(path, digest, rows)


def _check_manifest(path: Path, digest: str) -> None:
    """Compare a shard of a run with the manifest of its iteration."""
    manifest = path.resolve().parent.parent / "manifest.json"
    for listed, sha256 in _listed_files(manifest):
        if listed == path.resolve() and sha256 != digest:
            raise ShardError(
                f"--data {path}: not as {manifest} lists it (sha256 {digest[:12]} instead of "
                f"{sha256[:12]}); restore the file"
            )


def _listed_files(manifest: Path) -> Iterator[tuple[Path, str]]:
    """Yield files and digests of a manifest of ours; nothing of one that is another program's.

    Raises: CorruptFileError: it stands where ours does, and is no JSON object.
    Raises: OSError: it stands where ours does, and cannot be read.
    """
    if not manifest.is_file():
        return
    try:
        tree = read_json(manifest, "restore it, or copy the shards elsewhere")
    except (OSError, CorruptFileError):
        if _ITERATION.fullmatch(manifest.parent.name):
            raise
        return
    with suppress(ValidationError):
        for listed in Manifest.model_validate(tree).files:
            yield manifest.parent / listed.path, listed.sha256


def _rows(file: BinaryIO, path: Path) -> Iterator[Row]:
    for number, line in numbered_lines(file):
        if line.strip():
            yield parse_row(line, f"{path}:{number}")
