"""Files of a run that are not as they were written are named, and nothing is made of them."""

import json

import pytest

from bare_adapter import write_adapter
from scripted_engine import ScriptedEngine
from scripted_runs import data_files, run_scripted, small_config
from selflengthen.errors import CommandError, CorruptFileError
from synth.engine.errors import EngineError
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare
from train.data.shard_reader import read_shards
from train.errors import ShardError
from writer import write


def run_larger(folder, engine=None):
    """Run enough cohorts for some to be complete while others are open."""
    config = small_config(num_instructions=24, cohort_instructions=8)
    return run_scripted(folder, config, engine)


@pytest.fixture
def finished(tmp_path):
    files, _ = run_scripted(tmp_path / "out")
    return files


@pytest.fixture
def interrupted(tmp_path):
    """Return the files of a run with complete cohorts and open ones."""
    files = RunDirectory(tmp_path / "out").iteration(1)
    # Which cohort is complete first depends on how busy the machine is: on until one is.
    while not list(files.folder.glob("journal/*.complete.json")):
        with pytest.raises(EngineError):
            run_larger(tmp_path / "out", ScriptedEngine(write, dies_after=330))
    assert open_journals(files)
    return files


def open_journals(files):
    """Return the journals of cohorts that have no receipt."""
    journals = sorted(files.folder.glob("journal/cohort-?????.jsonl"))
    return [path for path in journals if not path.with_suffix(".complete.json").exists()]


def spoil(path):
    """Change one letter."""
    content = bytearray(path.read_bytes())
    at = content.index(b'"id"') + 1
    content[at : at + 2] = b"ID"
    path.write_bytes(content)


def test_a_shard_that_changed_is_not_trained_on(finished):
    shard = finished.shard("generator", 0)
    read_shards([str(shard)])
    spoil(shard)
    with pytest.raises(ShardError, match=r"generator-00000\.jsonl: not as .*manifest\.json lists"):
        read_shards([str(shard)])


def test_rows_beside_a_damaged_manifest_of_a_run_are_not_trained_on(finished):
    finished.manifest.write_bytes(finished.manifest.read_bytes()[:20])
    with pytest.raises(CorruptFileError, match=r"manifest\.json: not JSON: .*restore it"):
        read_shards([str(finished.shard("generator", 0))])


def test_rows_of_one_s_own_need_no_manifest(finished, tmp_path):
    own = tmp_path / "own" / "rows.jsonl"
    own.parent.mkdir()
    own.write_bytes(finished.shard("generator", 0).read_bytes())
    spoil(own)
    assert read_shards([str(own)])


def test_records_that_changed_are_no_examples_for_the_next_iteration(finished):
    for role in ("generator", "extender"):
        write_adapter(finished.adapter(role))
    directory = RunDirectory(finished.folder.parent)
    prepare(small_config(), 2, directory)
    spoil(finished.records(0))
    with pytest.raises(CorruptFileError, match=r"cohort-00000\.jsonl: not as .*manifest\.json"):
        prepare(small_config(), 2, directory)


@pytest.mark.parametrize("kind", ["records", "rejects"])
def test_a_complete_cohort_whose_file_changed_is_named(interrupted, kind):
    receipt = next(iter(sorted(interrupted.folder.glob("journal/*.complete.json"))))
    cohort = json.loads(receipt.read_bytes())["cohort"]
    spoil(getattr(interrupted, kind)(cohort))
    with pytest.raises(CorruptFileError, match=rf"{kind}/cohort-.* not as it was written; restore"):
        run_larger(interrupted.folder.parent)


def test_a_missing_file_of_a_complete_cohort_is_made_again_without_its_receipt(
    interrupted, tmp_path
):
    whole, _ = run_larger(tmp_path / "whole")
    receipt = next(iter(sorted(interrupted.folder.glob("journal/*.complete.json"))))
    cohort = json.loads(receipt.read_bytes())["cohort"]
    interrupted.records(cohort).unlink()
    with pytest.raises(CorruptFileError, match=r"missing; restore it, or delete .*complete"):
        run_larger(interrupted.folder.parent)
    receipt.unlink()
    run_larger(interrupted.folder.parent)
    assert data_files(interrupted) == data_files(whole)


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_receipt_that_is_no_json_is_named(interrupted, content):
    receipt = next(iter(sorted(interrupted.folder.glob("journal/*.complete.json"))))
    receipt.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"complete\.json: not .*; delete it and its cohort"):
        run_larger(interrupted.folder.parent)


def test_a_corrupt_middle_of_a_journal_is_named_and_can_be_deleted(interrupted, tmp_path):
    whole, _ = run_larger(tmp_path / "whole")
    journal = open_journals(interrupted)[0]
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) > 3
    journal.write_bytes(b"".join([lines[0], lines[1][:20] + b"\n", *lines[2:]]))
    with pytest.raises(CommandError, match=rf"{journal.name}:2: no completion; delete the line"):
        run_larger(interrupted.folder.parent)
    journal.write_bytes(b"".join([lines[0], *lines[2:]]))
    run_larger(interrupted.folder.parent)
    assert data_files(interrupted) == data_files(whole)
