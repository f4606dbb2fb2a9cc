"""A folder that appears whole: written beside its place, fsync, rename."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selflengthen.errors import DirectoryError
from selflengthen.files.atomic_file import sync
from selflengthen.files.owned_directory import OwnedDirectory

_MARK = ".atomic-folder"


@contextmanager
def atomic_folder(out: Path) -> Iterator[Path]:
    """Give a folder that appears as `out` only when the block ends without an error.

    What a killed process left in `<out>.unfinished` is deleted; anything else there is refused.

    Raises: DirectoryError: `out` is taken or cannot be written, or another process writes it.
    """
    _refuse_taken(out)
    work = OwnedDirectory(out.with_name(f"{out.name}.unfinished"))
    if _is_filled(work.folder) and not (work.folder / _MARK).exists():
        raise DirectoryError(
            f"--out {out}: {work.folder} holds something unfinished; choose another name"
        )
    with work.locked(_MARK):
        try:
            _clear(work.folder)
            yield work.folder
            _publish(work.folder, out)
        finally:
            shutil.rmtree(work.folder, ignore_errors=True)


def _refuse_taken(out: Path) -> None:
    if _is_filled(out):
        raise DirectoryError(f"--out {out}: exists; choose another name or delete it")


def _is_filled(path: Path) -> bool:
    if not path.is_dir():
        return path.exists()
    return any(path.iterdir())


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != _MARK:
            path.unlink()


def _publish(folder: Path, out: Path) -> None:
    (folder / _MARK).unlink()
    for path in (*folder.rglob("*"), folder):
        sync(path)
    _refuse_taken(out)
    folder.rename(out)
    sync(out.parent)
