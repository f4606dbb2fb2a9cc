"""A run directory binds to what texts depend on, and to nothing else; a run may grow."""

import json

import orjson
import pytest

from scripted_engine import ScriptedEngine
from scripted_runs import data_files, run_scripted, small_config
from selflengthen.errors import ConfigError, DirectoryError
from selflengthen.files.atomic_file import write_json_lines
from synth.config import EngineConfig
from synth.engine.errors import EngineError
from synth.loop.trainer_check import RECORD
from synth.method.slots import CohortPlan
from synth.run.directory import RunDirectory
from synth.run.iteration import run_iteration
from synth.run.prepare import prepare
from train.training_directory import TrainingWork, mark_complete
from writer import write

ENGINE = {"max_num_seqs": 16, "max_num_batched_tokens": 512, "max_model_len": 4096}
BINDING = {
    "dtype": "float32",
    "max_model_len": 2048,
    "per_request_seeds": True,
    "kv_cache_dtype": "fp8",
    "quantization": "fp8",
    "speculative": {"method": "ngram_gpu"},
    "reproducible": True,
}
FREE = {
    "kind": "server",
    "urls": ["http://node-1:8000"],
    "replicas": 2,
    "max_num_seqs": 3,
    "max_num_batched_tokens": 64,
    "tensor_parallel_size": 2,
    "gpu_memory_utilization": 0.5,
    "kv_cache_memory_bytes": 1 << 20,
    "block_size": 16,
    "enforce_eager": True,
    "omp_threads_bind": "0-1",
    "admission_ratio": 1.5,
    "stream_interval": 4,
    "work_ahead": False,
    "stall_timeout_s": 9.0,
    "max_deaths": 1,
    "performance_mode": "throughput",
}
# Free or binding by its own keys: `test_levers.py`.
BY_ITS_KEYS = {"vllm"}


def with_engine(**changes):
    if "kind" in changes or "urls" in changes:
        changes = {"kind": FREE["kind"], "urls": FREE["urls"]}
    return small_config(num_instructions=8, engine={**ENGINE, **changes})


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun") / "out"
    run_scripted(folder, with_engine())
    return RunDirectory(folder)


def test_every_setting_of_the_engine_is_decided_about():
    assert set(EngineConfig.model_fields) == set(BINDING) | set(FREE) | BY_ITS_KEYS


@pytest.mark.parametrize("key", FREE)
def test_what_no_text_depends_on_may_change(begun, key):
    resolved = prepare(with_engine(**{key: FREE[key]}), 1, begun).resolved
    begun.check(resolved)
    begun.claim(resolved)
    kept = json.loads(begun.config.read_text())["execution"]["engine"][key]
    assert kept == FREE[key]


@pytest.mark.parametrize("key", BINDING)
def test_what_texts_depend_on_may_not(begun, key):
    resolved = prepare(with_engine(**{key: BINDING[key]}), 1, begun).resolved
    with pytest.raises(DirectoryError, match=rf"config\.engine\.{key} .* -> "):
        begun.claim(resolved)


def test_a_directory_of_the_version_before_goes_on(tmp_path):
    run_scripted(tmp_path, with_engine())
    directory = RunDirectory(tmp_path)
    old = json.loads(directory.config.read_text())
    execution = old.pop("execution")
    old["config"]["engine"] |= {
        key: value
        for key, value in execution["engine"].items()
        if key not in ("kind", "urls", "replicas")
    }
    old["config"]["num_instructions"] = old.pop("num_instructions")[0]
    directory.config.write_text(json.dumps(old))
    resolved = prepare(with_engine(max_num_seqs=3), 1, directory).resolved
    directory.claim(resolved)
    assert directory.asked() == (8,)
    with pytest.raises(DirectoryError, match=r"config\.seed 0 -> 5"):
        directory.check(prepare(small_config(num_instructions=8, seed=5), 1, directory).resolved)


def test_a_run_of_the_version_before_has_none_of_one_s_own_code(begun):
    old = json.loads(begun.config.read_text())
    del old["config"]["filter"]["rules"], old["config"]["output"]["writers"]
    del old["config"]["length_sampling"]["scorer"]
    begun.config.write_text(json.dumps(old))
    begun.check(prepare(with_engine(), 1, begun).resolved)


def test_a_directory_that_holds_nothing_yet_takes_another_configuration(tmp_path):
    directory = RunDirectory(tmp_path)
    for seed, number in ((0, 24), (1, 8)):
        resolved = prepare(small_config(seed=seed, num_instructions=number), 1, directory).resolved
        directory.claim(resolved)
        (tmp_path / "iteration-1" / "journal").mkdir(parents=True, exist_ok=True)
        (tmp_path / "iteration-1" / "engine.log").write_text("vLLM does not start")
        (tmp_path / "iteration-1" / "metrics.json").write_text("{}")
    files, _ = run_scripted(tmp_path, small_config(seed=1, num_instructions=8))
    assert json.loads(directory.config.read_text())["config"]["seed"] == 1
    assert files.manifest.exists()


def test_a_training_without_a_checkpoint_takes_another_configuration(tmp_path):
    work = TrainingWork(tmp_path / "out.unfinished")
    with work.locked():
        work.claim({"config": {"data": {"max_row_tokens": 8}}, "inputs": {}})
        work.claim({"config": {"data": {"max_row_tokens": 4}}, "inputs": {}})
        checkpoint = work.checkpoints / "checkpoint-1"
        checkpoint.mkdir(parents=True)
        mark_complete(checkpoint)
        with pytest.raises(DirectoryError, match=r"config\.data\.max_row_tokens 4 -> 2"):
            work.claim({"config": {"data": {"max_row_tokens": 2}}, "inputs": {}})


def test_after_the_engine_ran_out_of_memory_a_smaller_one_goes_on(tmp_path):
    expected = data_files(run_scripted(tmp_path / "whole", small_config())[0])
    dying = ScriptedEngine(write, dies_after=200)
    with pytest.raises(EngineError):
        run_scripted(tmp_path / "out", small_config(), dying)
    smaller = {**ENGINE, "max_num_seqs": 3, "admission_ratio": 1.0, "stream_interval": 64}
    engine = ScriptedEngine(write, concurrency=3, shuffle_seed=5)
    files, code = run_scripted(tmp_path / "out", small_config(engine=smaller), engine)
    assert code == 0
    assert data_files(files) == expected
    assert 0 < len(engine.requests) < 400


def numbered(count, **changes):
    return small_config(num_instructions=count, cohort_instructions=8, **changes)


@pytest.mark.parametrize("is_interrupted", [False, True], ids=["complete", "interrupted"])
@pytest.mark.parametrize("pool", ["fixed", "growing"])
def test_a_run_that_grows_keeps_its_first_instructions(tmp_path, is_interrupted, pool):
    expand = {"pool": pool, "pool_group": 16}
    before = data_files(run_scripted(tmp_path / "few", numbered(10, expand=expand))[0])
    if is_interrupted:
        dying = ScriptedEngine(write, dies_after=120)
        with pytest.raises(EngineError):
            run_scripted(tmp_path / "out", numbered(10, expand=expand), dying)
    else:
        run_scripted(tmp_path / "out", numbered(10, expand=expand))
    files, code = run_scripted(tmp_path / "out", numbered(24, expand=expand))
    assert code == 0
    after = data_files(files)
    for name in before.keys() - {"manifest.json"}:
        if name.startswith("shards/"):
            assert after[name].startswith(before[name])
        else:
            assert after[name] == before[name]
    records = list(files.read_records())
    assert len({record.id for record in records}) == len(records)
    slots = [int(record.id.split("-")[2]) for record in records]
    assert max(slots) > 16
    assert orjson.loads(files.manifest.read_bytes())["num_instructions"] == 24


def test_a_run_that_grew_twice_is_cut_at_every_number(tmp_path):
    for number in (3, 10, 24):
        files, code = run_scripted(tmp_path, numbered(number))
        assert code == 0
    assert RunDirectory(tmp_path).asked() == (3, 10, 24)
    assert len(list(files.folder.glob("records/*"))) == 1 + 1 + 2


def test_a_plan_has_every_slot_once():
    plan = CohortPlan(1, (10, 11, 40), 8)
    slots = [slot for cohort in range(plan.num_cohorts) for slot in plan.slots(cohort)]
    assert [slot.sequence for slot in slots] == list(range(40))
    assert all(plan.cohort_of(slot.sequence) == slot.cohort for slot in slots)
    assert [len(plan.slots(cohort)) for cohort in range(plan.num_cohorts)] == [8, 2, 1, 8, 8, 8, 5]
    with pytest.raises(IndexError):
        plan.slots(plan.num_cohorts)
    with pytest.raises(IndexError):
        plan.cohort_of(40)


def test_a_run_does_not_shrink(tmp_path):
    run_scripted(tmp_path, numbered(10))
    with pytest.raises(ConfigError, match=r"num_instructions: 9, but .* was asked for 10; it may"):
        run_scripted(tmp_path, numbered(9))


@pytest.mark.parametrize("made", ["iteration-2", "iteration-1/adapters/generator"])
def test_an_iteration_that_something_was_made_of_does_not_grow(tmp_path, made):
    files, _ = run_scripted(tmp_path, numbered(10))
    (tmp_path / made).mkdir(parents=True)
    manifest = files.manifest.read_bytes()
    with pytest.raises(ConfigError, match=rf"complete with 10 and .*{made} was made of it"):
        run_iteration(numbered(24), 1, RunDirectory(tmp_path))
    assert files.manifest.read_bytes() == manifest
    assert run_iteration(numbered(10), 1, RunDirectory(tmp_path)).was_complete


def test_a_complete_iteration_of_the_version_before_knows_its_number(tmp_path):
    files, _ = run_scripted(tmp_path, numbered(10))
    manifest = json.loads(files.manifest.read_text())
    del manifest["num_instructions"]
    files.manifest.write_text(json.dumps(manifest))
    (tmp_path / "iteration-2").mkdir()
    with pytest.raises(ConfigError, match="complete with 10 and"):
        run_iteration(numbered(24), 1, RunDirectory(tmp_path))
    assert run_iteration(numbered(10), 1, RunDirectory(tmp_path)).was_complete


def test_a_run_that_grows_is_not_complete_meanwhile(tmp_path):
    files, _ = run_scripted(tmp_path, numbered(10))
    with pytest.raises(EngineError):
        run_scripted(tmp_path, numbered(24), ScriptedEngine(write, dies_after=20))
    assert not files.manifest.exists()


def test_cohorts_are_read_in_the_order_of_their_numbers(tmp_path):
    files = RunDirectory(tmp_path).iteration(1)
    numbers = (99999, 100000, 10000, 10001)
    for number in numbers:
        files.records(number).parent.mkdir(parents=True, exist_ok=True)
        record = RECORD.model_copy(update={"id": str(number)})
        write_json_lines(files.records(number), [record])
    assert [int(record.id) for record in files.read_records()] == sorted(numbers)


def test_a_file_that_goes_away_meanwhile_was_there(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.config.write_text("{}")
    journal = directory.iteration(1).journal(0)
    journal.parent.mkdir(parents=True)
    journal.symlink_to(tmp_path / "gone")
    assert directory.is_begun()
