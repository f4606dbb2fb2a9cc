"""The whole pipeline on a scripted engine."""

import json

import orjson
import pytest

from bare_adapter import write_adapter
from scripted_engine import Answer, ScriptedEngine, cohort_of
from scripted_runs import data_files, metrics_of, run_scripted, small_config
from synth.engine.base import FinishReason
from synth.engine.errors import EngineError
from synth.method.stages import Stage
from writer import write


def test_files_are_identical_at_any_concurrency(tmp_path):
    runs = [
        data_files(
            run_scripted(
                tmp_path / str(concurrency),
                engine=ScriptedEngine(write, concurrency=concurrency, shuffle_seed=concurrency),
            )[0]
        )
        for concurrency in (1, 4, 16)
    ]
    assert runs[0] == runs[1] == runs[2]
    assert "shards/generator-00000.jsonl" in runs[0]


def test_another_seed_gives_other_records(tmp_path):
    first, _ = run_scripted(tmp_path / "a", small_config(seed=1))
    second, _ = run_scripted(tmp_path / "b", small_config(seed=2))
    assert data_files(first)["manifest.json"] != data_files(second)["manifest.json"]


def test_concurrency_never_exceeds_the_capacity(tmp_path):
    engine = ScriptedEngine(write, concurrency=5)
    run_scripted(tmp_path, engine=engine)
    assert engine.most_live == 5


def test_no_request_is_asked_twice(tmp_path):
    engine = ScriptedEngine(write)
    run_scripted(tmp_path, small_config(), engine)
    ids = [request.id for request in engine.requests]
    assert len(ids) == len(set(ids)) > 100


def test_every_request_is_in_the_ledger_once(tmp_path):
    engine = ScriptedEngine(write)
    files, _ = run_scripted(tmp_path, engine=engine)
    metrics = metrics_of(files)
    assert sum(row["requests"] for row in metrics["ledger"]) == len(engine.requests)
    tokens = metrics["tokens"]
    outcomes = ("kept", "rejected", "aborted", "measured", "retried", "speculative")
    parts = [tokens[part] for part in outcomes]
    assert tokens["generated"] == sum(parts)
    assert all(parts[:4])
    assert 0 < metrics["goodput"]["accepted_tokens"] <= tokens["kept"]
    by_stage = {stage.value: 0 for stage in Stage}
    for row in metrics["ledger"]:
        by_stage[row["stage"]] += row["requests"]
    for stage in Stage:
        assert by_stage[stage] == sum(request.kind is stage for request in engine.requests)


def test_samples_that_got_nowhere_are_all_accounted_for(tmp_path):
    files, _ = run_scripted(tmp_path)
    metrics, config = metrics_of(files), small_config()
    samples, exhausted = metrics["samples"], metrics["exhausted"]
    assert samples["instructions"] + exhausted.get("expand", 0) == config.num_instructions
    assert samples["initial"] + exhausted.get("generate", 0) >= samples["instructions"] * 2
    assert samples["extended"] + exhausted.get("extend_tail", 0) == samples["initial_kept"] * 2
    records = list(files.read_records())
    assert len(records) == samples["records"] > 0


def test_records_grew_and_tell_where_they_came_from(tmp_path):
    files, _ = run_scripted(tmp_path)
    records = list(files.read_records())
    assert records
    for record in records:
        assert record.num_words.response > 1.2 * record.num_words.initial
        assert record.instruction_id.startswith(f"1-{record.cohort:05d}-")
        kept = [step for step in record.micro_iterations if step.kept]
        assert kept[-1].num_words == record.num_words.response
        assert record.tokens.generated > 0
        assert record.profile == "default"
    assert len({record.id for record in records}) == len(records)


def test_text_never_gets_shorter(tmp_path):
    files, _ = run_scripted(tmp_path)
    for record in files.read_records():
        kept = [step.num_words for step in record.micro_iterations if step.kept]
        assert kept == sorted(kept)
        assert kept[0] > record.num_words.initial


def test_no_two_accepted_instructions_are_near_duplicates(tmp_path):
    engine = ScriptedEngine(write)
    files, _ = run_scripted(tmp_path, small_config(num_instructions=60), engine)
    instructions = {
        row["text"]
        for path in files.folder.glob("journal/*.complete.json")
        for row in orjson.loads(path.read_bytes())["instructions"]
    }
    common = [text for text in instructions if text.startswith("Write an essay")]
    assert len(common) == len(set(common)) > 40
    reasons = {
        json.loads(line)["reason"]
        for path in files.folder.glob("rejects/*")
        for line in path.read_bytes().splitlines()
    }
    assert {"near_duplicate", "judged_unsuitable", "too_short", "length_sampled"} <= reasons


def test_rows_are_in_prompt_completion_form(tmp_path):
    files, _ = run_scripted(tmp_path)
    records = {record.id: record for record in files.read_records()}
    for role in ("generator", "extender"):
        rows = [json.loads(line) for line in files.shard(role, 0).read_bytes().splitlines()]
        assert [row["id"] for row in rows] == list(records)
        for row in rows:
            record = records[row["id"]]
            assert list(row) == [
                *(
                    "id",
                    "role",
                    "prompt",
                    "completion",
                    "num_words",
                    "score",
                    "iteration",
                    "schema_version",
                )
            ]
            assert row["completion"] == [{"role": "assistant", "content": record.response}]
            assert row["prompt"][-1]["role"] == "user"
            assert record.instruction in row["prompt"][-1]["content"]


def test_shards_are_cut_at_the_size_limit(tmp_path):
    whole, _ = run_scripted(tmp_path / "whole")
    cut, _ = run_scripted(tmp_path / "cut", small_config(output={"shard_max_bytes": 8_000}))
    shards = sorted(cut.folder.glob("shards/generator-*"))
    assert len(shards) > 1
    assert all(path.stat().st_size <= 8_000 for path in shards)
    joined = b"".join(path.read_bytes() for path in shards)
    assert joined == whole.shard("generator", 0).read_bytes()


def test_manifest_lists_every_data_file_with_its_rows(tmp_path):
    files, _ = run_scripted(tmp_path)
    listed = {row["path"]: row for row in orjson.loads(files.manifest.read_bytes())["files"]}
    assert set(listed) == set(data_files(files)) - {"manifest.json"}
    for path, row in listed.items():
        assert row["rows"] == (files.folder / path).read_bytes().count(b"\n")


def test_a_cohort_whose_every_response_fails_ends_as_such(tmp_path):
    def fail_first_cohort(request):
        if request.kind is Stage.GENERATE and cohort_of(request) == 0:
            return Answer("no ending here")
        return write(request)

    files, _ = run_scripted(tmp_path, engine=ScriptedEngine(fail_first_cohort))
    cohorts = {record.cohort for record in files.read_records()}
    assert files.records(0).read_bytes() == b""
    assert cohorts == {1, 2}
    assert metrics_of(files)["cohorts"] == {"total": 3, "open": 0, "complete": 3}


def test_fewer_instructions_than_asked_is_exit_code_3(tmp_path):
    def unsuitable(request):
        return Answer("No") if request.kind is Stage.JUDGE else write(request)

    config = small_config(breaker={"requests": 0})
    files, code = run_scripted(tmp_path, config, ScriptedEngine(unsuitable))
    assert code == 3
    assert list(files.read_records()) == []
    assert files.manifest.exists()


def test_request_errors_are_outcomes(tmp_path):
    def fail(request):
        if request.kind is Stage.EXTEND_HEAD:
            return Answer("", FinishReason.ERROR)
        return write(request)

    files, _ = run_scripted(tmp_path, engine=ScriptedEngine(fail))
    rows = [row for row in metrics_of(files)["ledger"] if row["stage"] == "extend_head"]
    assert {row["outcome"] for row in rows} - {"speculative"} == {"error"}


@pytest.mark.parametrize("dies_after", [1, 40, 120, 180])
def test_a_run_whose_engine_died_resumes_to_the_same_files(tmp_path, dies_after):
    config = small_config()
    whole, _ = run_scripted(tmp_path / "whole", config)
    with pytest.raises(EngineError, match="scripted death"):
        run_scripted(tmp_path / "cut", config, ScriptedEngine(write, dies_after=dies_after))
    second = ScriptedEngine(write)
    resumed, _ = run_scripted(tmp_path / "cut", config, second)
    assert data_files(resumed) == data_files(whole)
    all_requests = sum(row["requests"] for row in metrics_of(whole)["ledger"])
    num_measured = small_config().held_out.num_instructions
    assert len(second.requests) <= all_requests - dies_after + 16 + num_measured
    assert (metrics_of(resumed)["replayed"] > 0) == (dies_after > 1)


def test_growing_pool_shows_what_earlier_cohorts_accepted(tmp_path):
    engine = ScriptedEngine(write)
    config = small_config(expand={"pool": "growing", "pool_group": 100})
    files, _ = run_scripted(tmp_path, config, engine)
    receipt = orjson.loads(files.receipt(0).read_bytes())
    accepted = [row["text"] for row in receipt["instructions"]]
    prompts = [
        request.prefill
        for request in engine.requests
        if request.kind is Stage.EXPAND and cohort_of(request) > 0
    ]
    assert any(text in prompt for text in accepted for prompt in prompts)


def test_iteration_2_draws_from_the_records_of_iteration_1(tmp_path):
    from synth.run.directory import RunDirectory
    from synth.run.prepare import prepare

    files, _ = run_scripted(tmp_path)
    records = list(files.read_records())
    adapter = write_adapter(tmp_path / "adapter")
    config = small_config(adapters={"generator": str(adapter), "extender": str(adapter)})
    recipe = prepare(config, 2, RunDirectory(tmp_path)).recipe
    assert {record.instruction for record in records} <= set(recipe.pool)
    assert sorted(adapter.name for adapter in recipe.adapters.values()) == [
        "extender@1",
        "generator@1",
    ]


def test_an_idle_engine_gets_another_cohort(tmp_path):
    """With room for more requests than one cohort has, cohorts overlap."""
    engine = ScriptedEngine(write, concurrency=64)
    run_scripted(tmp_path, engine=engine)
    cohorts = [cohort_of(asked) for asked in engine.requests if asked.kind is not Stage.HELD_OUT]
    last_of_first = max(i for i, cohort in enumerate(cohorts) if cohort == 0)
    assert cohorts.index(2) < last_of_first


def test_the_system_prompt_is_the_first_turn_of_every_request(tmp_path):
    engine = ScriptedEngine(write)
    config = small_config(
        model={"name": "x", "system_prompt": "Be long."},
        judge={"response": True},
        extend={"plan": True, "attempts": 2},
    )
    run_scripted(tmp_path, config, engine)
    assert {asked.kind for asked in engine.requests} == set(Stage) - {Stage.DEMAND}
    for asked in engine.requests:
        assert [turn["role"] for turn in asked.messages] == ["system", "user"]
        assert asked.messages[0]["content"] == "Be long."


def test_a_stage_may_have_its_own_decoding(tmp_path):
    engine = ScriptedEngine(write)
    config = small_config(
        decoding={"temperature": 0.5},
        generate={"responses": 1, "decoding": {"temperature": 0.9, "frequency_penalty": 0.3}},
    )
    run_scripted(tmp_path, config, engine)
    seen = {
        request.kind: (
            request.decoding.sampling.temperature,
            request.decoding.sampling.frequency_penalty,
        )
        for request in engine.requests
    }
    assert seen[Stage.EXPAND] == seen[Stage.EXTEND_TAIL] == (0.5, 0.0)
    assert seen[Stage.GENERATE] == (0.9, 0.3)


def test_a_rejected_extension_is_never_the_initial_response(tmp_path):
    files, _ = run_scripted(tmp_path)
    texts = {record.initial_response for record in files.read_records()}
    rejects = [
        orjson.loads(line)
        for path in files.folder.glob("rejects/*")
        for line in path.read_bytes().splitlines()
    ]
    extensions = [reject for reject in rejects if reject["stage"] == Stage.EXTEND_TAIL]
    assert extensions
    assert not texts & {reject["text"] for reject in extensions}
