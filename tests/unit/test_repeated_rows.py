"""No row teaches twice."""

import json

import pytest

from prose_texts import BODIES
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import run_scripted, small_config
from selflengthen.files.atomic_file import write_json_lines
from synth.loop.trainer_check import RECORD
from synth.method.stages import Stage
from synth.run.directory import IterationFiles
from synth.run.rows.repeated import repeated_rows
from writer import write

LONG = "\n\n".join(BODIES[:6])
OTHER = "\n\n".join(BODIES[6:])
NEARLY = LONG.replace("iron ring", "old iron ring").replace("warm afternoons", "warm days")


def written(folder, iteration, *texts, cohort=0):
    """Write records: pairs of a text and its score."""
    files = IterationFiles(folder / f"iteration-{iteration}")
    files.records(cohort).parent.mkdir(parents=True, exist_ok=True)
    records = [
        RECORD.model_copy(update={"id": f"{iteration}-{number}", "response": text, "score": score})
        for number, (text, score) in enumerate(texts)
    ]
    write_json_lines(files.records(cohort), records)
    return files


def found(files, iteration=1, max_similarity=0.7):
    rejects = repeated_rows(files, iteration, max_similarity)
    return [(reject.id, reject.reason) for reject in rejects]


def test_of_two_that_are_alike_the_better_one_is_kept(tmp_path):
    files = written(tmp_path, 1, (LONG, 0.5), (OTHER, 0.5), (NEARLY, 0.9))
    assert found(files) == [("1-0", "repeated_row:1-2")]


def test_of_equals_the_first_is_kept(tmp_path):
    files = written(tmp_path, 1, (LONG, 0.5), (LONG, 0.5), (LONG, 0.5))
    assert found(files) == [("1-1", "repeated_row:1-0"), ("1-2", "repeated_row:1-0")]


def test_what_an_earlier_iteration_taught_is_not_taught_again(tmp_path):
    written(tmp_path, 1, (LONG, 0.1))
    files = written(tmp_path, 2, (NEARLY, 0.9), (OTHER, 0.9))
    assert found(files, iteration=2) == [("2-0", "repeated_row:1-0")]


def test_the_limit_is_the_similarity_itself(tmp_path):
    files = written(tmp_path, 1, (LONG, 0.5), (NEARLY, 0.5))
    assert found(files, max_similarity=0.99) == []
    half = "\n\n".join(BODIES[:3])
    files = written(tmp_path, 1, (LONG, 0.5), (half, 0.5))
    assert found(files, max_similarity=0.7) == []
    assert found(files, max_similarity=0.2) == [("1-1", "repeated_row:1-0")]


@pytest.mark.parametrize("max_similarity", [0.7, None])
def test_a_run_writes_one_row_for_texts_that_are_alike(tmp_path, max_similarity):
    def answer(request):
        """All extensions end in one text."""
        if request.kind is Stage.EXTEND_TAIL:
            return Answer("\n\n" + "\n\n".join(BODIES[3:6]))
        if request.kind is Stage.EXTEND_HEAD:
            return Answer("\n\n".join(BODIES[:3]))
        return write(request)

    config = small_config(output={"max_row_similarity": max_similarity})
    files, _ = run_scripted(tmp_path, config, ScriptedEngine(answer))
    records = list(files.read_records())
    rows = list(files.read_rows("generator"))
    assert len(records) > 1
    repeated = files.repeated_rows
    if max_similarity is None:
        assert len(rows) == len(records)
        assert not repeated.exists()
        return
    rejects = [json.loads(line) for line in repeated.read_bytes().splitlines()]
    assert len(rejects) == len(records) - 1
    assert len(rows) == 1
    assert {row["stage"] for row in rejects} == {"row"}
    listed = {row["path"] for row in json.loads(files.manifest.read_bytes())["files"]}
    assert "rejects/rows.jsonl" in listed
