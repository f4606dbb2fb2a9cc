"""A folder appears whole or not at all, and nobody else's work is deleted for it."""

import pytest

from selflengthen.errors import DirectoryError
from selflengthen.files.atomic_folder import atomic_folder
from selflengthen.files.owned_directory import OwnedDirectory

MARK = ".atomic-folder"


def write(out, error=None):
    with atomic_folder(out) as folder:
        (folder / "part").mkdir()
        (folder / "part" / "file").write_text("whole")
        if error:
            raise error


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("is_there", [False, True])
def test_it_appears_whole_also_in_place_of_an_empty_one(tmp_path, is_there):
    out = tmp_path / "deep" / "out"
    if is_there:
        out.mkdir(parents=True)
    write(out)
    assert names(out) == ["part"]
    assert (out / "part" / "file").read_text() == "whole"
    assert names(out.parent) == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_nothing_behind(tmp_path, error):
    with pytest.raises(error):
        write(tmp_path / "out", error)
    assert names(tmp_path) == []


def test_what_stands_in_the_way_is_refused_and_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("mine")
    for out in (tmp_path / "out", tmp_path / "out" / "file"):
        with pytest.raises(DirectoryError, match="exists"):
            write(out)
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "file").read_text() == "mine"


def test_what_a_killed_process_left_is_replaced(tmp_path):
    work = tmp_path / "out.unfinished"
    (work / "torn").mkdir(parents=True)
    (work / MARK).touch()
    (work / "half").write_text("torn")
    write(tmp_path / "out")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["part"]


def test_an_unfinished_training_of_that_name_is_not_deleted(tmp_path):
    work = tmp_path / "out.unfinished"
    work.mkdir()
    (work / "config.json").write_text("{}")
    with pytest.raises(DirectoryError, match=r"out\.unfinished holds something"):
        write(tmp_path / "out")
    assert names(work) == ["config.json"]


def test_two_writers_do_not_meet(tmp_path):
    work = OwnedDirectory(tmp_path / "out.unfinished")
    with work.locked(MARK), pytest.raises(DirectoryError, match="is writing there"):
        write(tmp_path / "out")
    assert work.folder.exists()
