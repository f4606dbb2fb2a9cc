"""The output of a training: it appears whole, under its name, when all of it is there."""

import shutil
from pathlib import Path
from typing import Any

from selflengthen.adapter.digest import PROVENANCE_FILE
from selflengthen.errors import DirectoryError
from selflengthen.files.atomic_file import sync
from selflengthen.files.owned_directory import OwnedDirectory

_COMPLETE = "complete"


class TrainingWork(OwnedDirectory):
    """The work on an adapter; without a checkpoint, nothing depends on its configuration."""

    @property
    def checkpoints(self) -> Path:
        """What a killed training goes on from."""
        return self.folder / "checkpoints"

    def is_begun(self) -> bool:
        """Tell whether there is a checkpoint to go on from."""
        return self.config.exists() and self.last_checkpoint() is not None

    def last_checkpoint(self) -> Path | None:
        """Return the newest checkpoint that was written to its end."""
        complete = [path.parent for path in self.checkpoints.glob(f"checkpoint-*/{_COMPLETE}")]
        return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


class TrainingDirectory:
    """A finished adapter at `--out`, or the work on it beside, in `<out>.unfinished`."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.work = TrainingWork(out.with_name(f"{out.name}.unfinished"))

    @property
    def metrics(self) -> Path:
        """One line per step, while the training goes on."""
        return self.work.folder / "metrics.jsonl"

    def begun_config(self) -> Path | None:
        """Return the `config.json` of a training that is finished or was begun here."""
        configs = (OwnedDirectory(self.out).config, self.work.config)
        return next((config for config in configs if config.is_file()), None)

    def is_finished(self, resolved: dict[str, Any]) -> bool:
        """Tell whether just this training is done.

        Raises: DirectoryError: something else stands there, with the keys that differ.
        """
        if not self.out.exists() or (self.out.is_dir() and not any(self.out.iterdir())):
            return False
        if not (self.out / PROVENANCE_FILE).is_file():
            raise DirectoryError(f"--out {self.out}: exists and is no adapter; choose another")
        OwnedDirectory(self.out).check(resolved)
        self._drop_checkpoints()
        return True

    def clear(self) -> None:
        """Delete what a kill left: torn checkpoints, and what described weights that come anew."""
        (self.work.folder / PROVENANCE_FILE).unlink(missing_ok=True)
        for path in self.work.checkpoints.glob("checkpoint-*"):
            if not (path / _COMPLETE).exists():
                shutil.rmtree(path)

    def publish(self) -> None:
        """Let the adapter appear; from then on nothing needs the checkpoints."""
        (self.work.folder / ".lock").unlink(missing_ok=True)
        sync(self.work.folder)
        self.work.folder.rename(self.out)
        sync(self.out.parent)
        self._drop_checkpoints()

    def _drop_checkpoints(self) -> None:
        shutil.rmtree(self.out / self.work.checkpoints.name, ignore_errors=True)


def mark_complete(checkpoint: Path) -> None:
    """Note that everything of a checkpoint is on disk."""
    for path in checkpoint.rglob("*"):
        sync(path)
    (checkpoint / _COMPLETE).touch()
    sync(checkpoint)
