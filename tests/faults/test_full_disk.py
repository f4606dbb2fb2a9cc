"""A disk that fills up at any file: a clear message, and with room again nothing is missing.

The disk is a limit on the size of files; Linux answers as a full disk does, with another errno.
"""

import random
import resource
import signal
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from run_process import in_process
from scripted_runs import data_files, metrics_of, run_scripted
from selflengthen.command import run_command
from synth.engine.journal import CohortJournal

pytestmark = pytest.mark.faults

NUM_LIMITS, NUM_LIMITS_SAMPLED = 24, 3


def run_with_limit(folder, max_bytes, log):
    """Run as a command does while no file can exceed a size."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, resource.RLIM_INFINITY))
    with log.open("w", buffering=1) as file, redirect_stderr(file):
        run_command(lambda **_: run_scripted(folder)[1])


def sizes_of(files):
    """Return sizes at which some file of a run no longer fits."""
    return sorted(path.stat().st_size for path in files.folder.rglob("*.json*"))


def test_a_full_disk_is_one_line_and_costs_nothing(tmp_path, all_faults):
    whole, _ = run_scripted(tmp_path / "whole")
    largest = sizes_of(whole)[-1]
    rng = random.Random(0)
    num_limits = NUM_LIMITS if all_faults else NUM_LIMITS_SAMPLED
    stopped_at = set()
    for number in range(num_limits):
        folder, log = tmp_path / f"full-{number}", tmp_path / "log"
        limit = rng.randrange(2_000, largest)
        assert in_process(run_with_limit, folder, limit, log) == 1
        [line] = log.read_text().splitlines()
        assert line.startswith(f"error: {folder}/"), line
        assert "; make room, then the same command goes on" in line
        stopped_at.add(line.removeprefix(f"error: {folder}/").split("/")[1].split(":")[0])
        resumed, code = run_scripted(folder)
        assert code == 0
        assert data_files(resumed) == data_files(whole)
        assert metrics_of(resumed)["samples"] == metrics_of(whole)["samples"]
    print(f"{num_limits} full disks, at {sorted(stopped_at)}")  # noqa: T201


def run_without_room_for(folder, kind, log):
    """Run as a command does; the disk is full from the first file of a kind on."""
    open_path = Path.open

    def open_or_fill(path, *arguments, **options):
        if path.is_relative_to(folder) and kind in str(path):
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
        return open_path(path, *arguments, **options)

    Path.open = open_or_fill
    run_with_limit(folder, resource.RLIM_INFINITY, log)


@pytest.mark.parametrize("kind", ["records/", "rejects/", ".complete", "shards/", "manifest"])
def test_the_disk_may_be_full_at_any_kind_of_file(tmp_path, kind):
    whole, _ = run_scripted(tmp_path / "whole")
    folder, log = tmp_path / "full", tmp_path / "log"
    assert in_process(run_without_room_for, folder, kind, log) == 1
    [line] = log.read_text().splitlines()
    assert line.startswith(f"error: {folder}/")
    assert not [path for path in folder.rglob("*") if ".unfinished" in path.name]
    resumed, code = run_scripted(folder)
    assert code == 0
    assert data_files(resumed) == data_files(whole)


def test_a_journal_that_was_cut_by_a_full_disk_is_read(tmp_path):
    path = tmp_path / "cohort-00000.jsonl"
    path.write_bytes(b'{"id": "torn')
    journal = CohortJournal(path)
    journal.close()
    assert path.read_bytes() == b""
