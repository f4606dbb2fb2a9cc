"""The last moments of a training: what is there if it is killed in them."""

import shutil
from pathlib import Path

import pytest

from train.training_directory import TrainingDirectory, mark_complete


class _KilledError(Exception):
    pass


def _kill(*_: object, **__: object) -> None:
    raise _KilledError


def _trained(folder: Path) -> TrainingDirectory:
    directory = TrainingDirectory(folder / "adapter")
    checkpoint = directory.work.checkpoints / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    mark_complete(checkpoint)
    directory.work.claim({"config": {}})
    (directory.work.folder / "provenance.json").write_text("{}")
    return directory


def test_checkpoints_stay_until_the_adapter_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = _trained(tmp_path)
    monkeypatch.setattr(Path, "rename", _kill)
    with pytest.raises(_KilledError):
        directory.publish()
    assert not directory.is_finished({"config": {}})
    assert directory.work.last_checkpoint() is not None


def test_checkpoints_of_a_published_adapter_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = _trained(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", _kill)
        with pytest.raises(_KilledError):
            directory.publish()
    assert (directory.out / "checkpoints").exists()
    assert directory.is_finished({"config": {}})
    assert not (directory.out / "checkpoints").exists()
    assert not directory.work.folder.exists()
