"""`synth loop`: what it shows of every macro-iteration."""

import json

import pytest

from loops import prepared, run_loop


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path)


def test_the_table_shows_what_every_iteration_gave(folder):
    _, printed = run_loop(folder, 2)
    rows = json.loads((folder / "out" / "loop.json").read_bytes())
    assert set(rows[0].pop("quality")) == {"kept", "before", "after"}
    assert rows[0] == {
        "iteration": 1,
        "asked": 4,
        "instructions": 4,
        "rows": 1,
        "num_words": {"initial": {"p50": 200, "p90": 300}, "response": {"p50": 200, "p90": 300}},
        "growth": 2.5,
        "acceptance": {"generate": 0.5, "extend_tail": 0.25},
        "held_out_words": {"before": 100, "after": 200},
        "loss": {"generator": 1.5, "extender": 2.5},
        "exams": {},
        "schema_version": 1,
    }
    assert rows[1]["held_out_words"] == {"before": 200, "after": 300}
    first, second = printed.split("macro-iterations")[1:]
    assert "100 -> -" in first
    assert "100 -> 200" in second
    assert "200 -> 300" in second
    assert "0.750" in second
    assert "1.250" in second


def test_unknown_values_are_dashes(folder):
    run_loop(folder, 1, held_out={"num_instructions": 0})
    iteration = folder / "out" / "iteration-1"
    (iteration / "adapters" / "generator" / "provenance.json").write_text("{}")
    (iteration / "held_out.jsonl").unlink()
    (iteration / "metrics.json").unlink()
    code, printed = run_loop(folder, 1, held_out={"num_instructions": 0})
    assert code == 0
    assert "- -> -" in printed
    assert "2.500" in printed
    assert "1.500" not in printed.split("macro-iterations")[-1]
