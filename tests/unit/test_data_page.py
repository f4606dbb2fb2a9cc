"""docs/data.md is what the types say, and what a run writes is what docs/data.md says."""

import json
import runpy

import pytest

from scripted_runs import run_scripted
from selflengthen.contract.metrics import Metrics
from selflengthen.errors import CorruptFileError
from selflengthen.files.atomic_file import write_json
from selflengthen.files.json_file import read_as
from selflengthen.process.own_modules import ROOT

SCRIPT = runpy.run_path(str(ROOT / "scripts" / "write_data_page.py"))


def test_the_page_is_current():
    assert SCRIPT["PAGE"].read_text("utf-8") == SCRIPT["page"]()


@pytest.mark.parametrize("kind", SCRIPT["KINDS"], ids=lambda kind: kind.__name__)
def test_every_field_says_what_it_is_or_has_a_telling_name(kind):
    schema = kind.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["properties"]["schema_version"]["const"] == 1
    assert schema["description"]


def test_what_a_run_writes_has_a_version_and_reads_back(tmp_path):
    files, _ = run_scripted(tmp_path)
    lines = [
        line
        for name in ("records", "rejects", "shards")
        for path in files.folder.glob(f"{name}/*")
        for line in path.read_bytes().splitlines()
    ]
    assert len(lines) > 100
    assert {json.loads(line)["schema_version"] for line in lines} == {1}
    for path in (files.metrics, files.manifest, *files.folder.glob("journal/*.json")):
        assert json.loads(path.read_bytes())["schema_version"] == 1
    records = list(files.read_records())
    assert [row.id for row in files.read_rows("extender")] == [record.id for record in records]
    metrics = read_as(Metrics, files.metrics, "")
    write_json(tmp_path / "again.json", metrics)
    assert (tmp_path / "again.json").read_bytes() == files.metrics.read_bytes()


def test_a_file_of_the_version_before_is_read(tmp_path):
    files, _ = run_scripted(tmp_path)
    older = json.loads(files.metrics.read_bytes())
    del older["schema_version"]
    files.metrics.write_text(json.dumps(older))
    assert read_as(Metrics, files.metrics, "").samples.records > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "written by a later version; read it with that one"),
        ({"asked": "many"}, "not as this version writes it: asked: input should be a valid int"),
        ({"news": 1}, "not as this version writes it: news: extra inputs"),
    ],
)
def test_another_shape_is_one_line(tmp_path, change, message):
    files, _ = run_scripted(tmp_path)
    files.metrics.write_text(json.dumps(json.loads(files.metrics.read_bytes()) | change))
    with pytest.raises(CorruptFileError, match=message) as caught:
        read_as(Metrics, files.metrics, "delete it")
    assert "\n" not in str(caught.value)
