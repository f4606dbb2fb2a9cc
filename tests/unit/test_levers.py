"""Levers of vLLM: what is handed through or refused, what binds a run, what a server needs."""

import hashlib
import json
import os
import shlex

import orjson
import pytest
from pydantic import TypeAdapter, ValidationError

from scripted_runs import run_scripted, small_config
from selflengthen.adapter.named import Adapter
from selflengthen.config_file import load_config
from selflengthen.errors import ConfigError, DirectoryError
from synth.config import RunConfig
from synth.engine.base import EngineSpec
from synth.engine.config import EngineConfig
from synth.engine.inprocess.settings import (
    EXECUTION_ONLY,
    InstalledVllm,
    check_names,
    complaint,
    environment_of,
    levers_of,
    refuse_own_keys,
    settings_of,
    tell,
)
from synth.engine.start import prepare_engine
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare
from synth.serve_command import command_of, options, serve_command, served_rank

ENGINE = {"max_num_seqs": 16, "max_num_batched_tokens": 512, "max_model_len": 4096}
OURS = {"max_num_seqs", "kv_cache_dtype", "quantization", "speculative_config", "performance_mode"}
GPU = InstalledVllm("1.2", False, frozenset({*OURS, "max_logprobs", "seed", "numa_bind"}))
CPU = InstalledVllm("1.2", True, GPU.arguments)


def engine(**changes):
    return EngineConfig.model_validate({**ENGINE, **changes})


def spec(adapters=(), **changes):
    return EngineSpec(small_config().model, engine(**changes), adapters)


def adapter(tmp_path, role="generator", rank=16):
    return Adapter(f"{role}@0", tmp_path / f"{role}'s", rank, "0123456789abcdef")


# What vLLM is given.


def test_levers_and_further_arguments_reach_vllm():
    speculative = {"method": "ngram_gpu", "num_speculative_tokens": 3}
    settings = settings_of(
        spec(
            kv_cache_dtype="fp8",
            quantization="fp8_per_tensor",
            speculative=speculative,
            performance_mode="throughput",
            vllm={"max_logprobs": 5, "seed": None},
        ),
        GPU,
    )
    assert settings["kv_cache_dtype"] == "fp8"
    assert settings["quantization"] == "fp8_per_tensor"
    assert settings["speculative_config"] == speculative
    assert settings["performance_mode"] == "throughput"
    assert settings["max_logprobs"] == 5
    assert "seed" not in settings


def test_what_is_unset_is_left_to_vllm():
    assert levers_of(engine()) == {}
    assert not settings_of(spec(), GPU).keys() & (OURS - {"max_num_seqs"})
    assert environment_of(engine()) == {}


def test_every_argument_that_is_set_here_is_refused_with_what_to_set_instead(tmp_path):
    full = spec(
        (adapter(tmp_path),),
        kv_cache_dtype="fp8",
        quantization="fp8",
        speculative={"method": "ngram"},
        performance_mode="balanced",
        kv_cache_memory_bytes=1,
        block_size=16,
    )
    settings = settings_of(full, GPU)
    assert len(settings) > 20
    for key in settings:
        with pytest.raises(ConfigError, match=rf"^engine\.vllm\.{key}: .*(instead|leave it out)$"):
            refuse_own_keys(engine(vllm={key: 1}))


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("max_num_seqs", "set engine.max_num_seqs instead"),
        ("model", "set model.name instead"),
        ("revision", "set model.revision instead"),
        ("speculative_config", "set engine.speculative instead"),
        ("max_lora_rank", "follows from adapters; leave it out"),
        ("scheduling_policy", "the project sets it itself; leave it out"),
        ("reproducible", "set engine.reproducible instead"),
    ],
)
@pytest.mark.parametrize("kind", ["vllm", "server", "my_code:Engine"])
def test_an_own_key_is_refused_before_anything_starts_whatever_the_engine(key, remedy, kind):
    urls = ["http://node-1:8000"] if kind == "server" else []
    with pytest.raises(ConfigError) as error:
        prepare_engine(spec(kind=kind, urls=urls, vllm={key: 3}))
    assert str(error.value) == f"engine.vllm.{key}: {remedy}"
    assert error.value.exit_code == 2


def test_an_argument_that_is_set_here_on_a_cpu_only_is_refused_there():
    changes = {"vllm": {"enable_chunked_prefill": True}, "max_num_batched_tokens": 4096}
    seeded = spec(per_request_seeds=True, **changes)
    assert settings_of(seeded, GPU)["enable_chunked_prefill"] is True
    with pytest.raises(ConfigError, match=r"^engine\.vllm\.enable_chunked_prefill: "):
        settings_of(seeded, CPU)
    assert settings_of(spec(**changes), CPU)["enable_chunked_prefill"] is True


def test_a_typo_is_told_the_nearest_argument_of_the_installed_vllm():
    check_names(engine(vllm={"max_logprobs": 5}, kv_cache_dtype="fp8"), GPU)
    with pytest.raises(ConfigError) as error:
        check_names(engine(vllm={"max_logprob": 5}), GPU)
    expected = "engine.vllm.max_logprob: unknown to vLLM 1.2; did you mean 'max_logprobs'?"
    assert str(error.value) == expected
    with pytest.raises(ConfigError, match=r"zzz: unknown to vLLM 1\.2; see `vllm serve"):
        check_names(engine(vllm={"zzz": 5}), GPU)


def test_a_vllm_without_a_lever_is_named():
    old = InstalledVllm("0.9", False, GPU.arguments - {"performance_mode"})
    check_names(engine(), old)
    with pytest.raises(ConfigError, match=r"^engine\.performance_mode: vLLM 0\.9 has no argument"):
        check_names(engine(performance_mode="throughput"), old)


def test_an_override_reaches_a_further_argument(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(
        "num_instructions: 4\nmodel: {name: some/model}\n"
        "engine: {max_num_seqs: 8, max_num_batched_tokens: 512, max_model_len: 2048}\n"
    )
    overrides = ["engine.vllm.compilation_config.mode=3", "engine.vllm.max_logprobs=5"]
    config = load_config(RunConfig, file, overrides)
    assert config.engine.vllm == {"compilation_config": {"mode": 3}, "max_logprobs": 5}


# What vLLM says against a value.


def refusal(kind, value):
    with pytest.raises(ValidationError) as error:
        TypeAdapter(kind).validate_python(value)
    return error.value


def test_a_complaint_about_a_value_names_the_key():
    error = refusal(dict[str, int], {"max_logprobs": "x"})
    config = engine(vllm={"max_logprobs": "x", "seed": 1}, kv_cache_dtype="fp8")
    line = complaint(error, config, "1.2")
    assert line.startswith("engine.vllm.max_logprobs: vLLM 1.2 refuses it: ")
    assert "max_logprobs is 'x': Input should be a valid integer" in line


def test_a_complaint_finds_a_key_that_vllm_calls_otherwise():
    error = refusal(dict[str, int], {"cache_dtype": "fp9"})
    config = engine(kv_cache_dtype="fp9", quantization="fp8")
    assert complaint(error, config, "1.2").startswith("engine.kv_cache_dtype: vLLM 1.2 ")
    inside = engine(speculative={"cache_dtype": "fp9"}, quantization="fp8")
    assert complaint(error, inside, "1.2").startswith("engine.speculative: vLLM 1.2 ")


def test_a_complaint_of_many_lines_is_one():
    line = complaint(ValueError("first\nsecond"), engine(quantization="x"), "1.2")
    assert line == "engine.quantization: vLLM 1.2 refuses it: first"
    assert complaint(ValueError("x" * 900), engine(), "1.2").startswith("engine: vLLM 1.2 ")
    assert len(complaint(ValueError("x" * 900), engine(), "1.2")) == 300


# Reproducible runs.


def test_a_reproducible_run_needs_a_gpu():
    with pytest.raises(ConfigError, match=r"^engine\.reproducible: needs a GPU") as error:
        settings_of(spec(reproducible=True), CPU)
    assert "\n" not in str(error.value)
    settings_of(spec(reproducible=True), GPU)


def test_speculation_needs_a_gpu():
    drafting = spec(speculative={"method": "ngram"})
    with pytest.raises(ConfigError, match=r"^engine\.speculative: needs a GPU") as error:
        settings_of(drafting, CPU)
    assert "\n" not in str(error.value)
    settings_of(drafting, GPU)


def test_a_reproducible_run_is_batch_invariant_and_seeded():
    assert environment_of(engine(reproducible=True)) == {"VLLM_BATCH_INVARIANT": "1"}
    assert engine(reproducible=True).seeds_requests
    assert engine(per_request_seeds=True).seeds_requests
    assert not engine().seeds_requests


# What binds a run directory.


@pytest.fixture
def begun(tmp_path):
    def begin(**changes):
        run_scripted(
            tmp_path / "out", small_config(num_instructions=8, engine={**ENGINE, **changes})
        )
        return RunDirectory(tmp_path / "out")

    return begin


def resolved(directory, **changes):
    config = small_config(num_instructions=8, engine={**ENGINE, **changes})
    return prepare(config, 1, directory).resolved


def test_unset_levers_leave_the_digest_as_it_was(tmp_path):
    unset = resolved(RunDirectory(tmp_path))
    engine_before = {"dtype": "auto", "max_model_len": 4096, "per_request_seeds": False}
    before = {"config": unset["config"] | {"engine": engine_before}, "inputs": unset["inputs"]}
    canonical = orjson.dumps(before, option=orjson.OPT_SORT_KEYS)
    assert unset["digest"] == hashlib.sha256(canonical).hexdigest()
    set_one = resolved(RunDirectory(tmp_path), kv_cache_dtype="fp8")
    assert set_one["digest"] != unset["digest"]


def test_a_directory_from_before_the_levers_goes_on_without_them_only(begun):
    directory = begun()
    before = json.loads(directory.config.read_text())
    levers = ("kv_cache_dtype", "quantization", "speculative", "performance_mode", "vllm")
    assert not set(levers) & set(before["config"]["engine"])
    for key in ("performance_mode", "vllm"):
        del before["execution"]["engine"][key]
    directory.config.write_text(json.dumps(before))
    directory.claim(resolved(directory))
    assert json.loads(directory.config.read_text())["digest"] == before["digest"]
    for key, value in (("kv_cache_dtype", "fp8"), ("reproducible", True)):
        with pytest.raises(DirectoryError, match=rf"config\.engine\.{key} None -> {value!r}"):
            directory.claim(resolved(directory, **{key: value}))


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("kv_cache_dtype", "fp8", None),
        ("quantization", "fp8", "mxfp4"),
        ("reproducible", True, False),
        ("speculative", {"method": "ngram", "num": 3}, {"method": "eagle3"}),
        ("speculative", {"method": "eagle3"}, None),
        ("vllm", {"max_logprobs": 5}, {}),
        ("vllm", {"max_logprobs": 5}, {"max_logprobs": None}),
        ("vllm", {"max_logprobs": 5}, {"max_logprobs": 6}),
        ("vllm", {"max_logprobs": 5}, {"max_logprobs": 5, "seed": 1}),
        ("vllm", {}, {"no_such_key_yet": 1}),
    ],
)
def test_what_may_change_texts_binds(begun, key, old, new):
    directory = begun(**{key: old})
    directory.claim(resolved(directory, **{key: old}))
    with pytest.raises(DirectoryError, match=rf"config\.engine\.{key}"):
        directory.claim(resolved(directory, **{key: new}))


@pytest.mark.parametrize(
    ("key", "old", "new", "kept"),
    [
        ("performance_mode", None, "throughput", "throughput"),
        ("vllm", {}, {"numa_bind": True}, {"numa_bind": True}),
        ("vllm", {"numa_bind": True, "seed": 5}, {"seed": 5}, {}),
        ("vllm", {"numa_bind": True}, {"numa_bind": None, "seed": None}, {}),
    ],
)
def test_what_changes_no_text_may_change(begun, key, old, new, kept):
    directory = begun(**{key: old})
    directory.claim(resolved(directory, **{key: new}))
    written = json.loads(directory.config.read_text())
    assert written["execution"]["engine"][key] == kept


def test_the_table_of_keys_that_change_no_text_holds_none_that_is_set_here():
    assert len(EXECUTION_ONLY) > 20
    for key in EXECUTION_ONLY:
        refuse_own_keys(engine(vllm={key: 1}))


# The command of a server.


def test_arguments_become_options_of_the_command_line():
    settings = {
        "max_num_seqs": 8,
        "enforce_eager": True,
        "trust_remote_code": False,
        "watermark": 0.02,
        "cudagraph_capture_sizes": [1, 2],
        "speculative_config": {"method": "ngram", "prompt_lookup_max": 4},
        "download_dir": "a folder/it's",
    }
    lines = list(options(settings))
    assert lines[:5] == [
        "--max-num-seqs 8",
        "--enforce-eager",
        "--no-trust-remote-code",
        "--watermark 0.02",
        "--cudagraph-capture-sizes 1 2",
    ]
    option, value = shlex.split(lines[5])
    assert option == "--speculative-config"
    assert json.loads(value) == settings["speculative_config"]
    assert shlex.split(lines[6]) == ["--download-dir", "a folder/it's"]


def test_the_command_is_what_a_shell_reads(tmp_path):
    loaded = (adapter(tmp_path), adapter(tmp_path, "extender", rank=32))
    seeded = spec(loaded, reproducible=True, vllm={"max_logprobs": 5})
    command = command_of(settings_of(seeded, GPU), seeded)
    assert all(line.endswith(" \\") for line in command.splitlines()[:-1])
    assert all(line.startswith("    ") for line in command.splitlines()[1:])
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:2] == ["VLLM_BATCH_INVARIANT=1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"]
    assert "scripted" in words[2:8]
    for option, value in (
        ("--scheduling-policy", "priority"),
        ("--generation-config", "vllm"),
        ("--max-model-len", "4096"),
        ("--max-loras", "3"),
        ("--max-lora-rank", "32"),
        ("--max-logprobs", "5"),
        ("--lora-modules", f"generator@0-0123456789ab={tmp_path}/generator's"),
    ):
        assert words[words.index(option) + 1] == value
    assert words[-1] == f"extender@0-0123456789ab={tmp_path}/extender's"
    assert {"--enable-lora", "--enable-prompt-tokens-details"} <= set(words)


def test_a_server_without_adapters_is_not_started_for_any(tmp_path):
    bare = spec()
    command = command_of(settings_of(bare, GPU), bare)
    assert "lora" not in command.lower()
    assert shlex.split(command)[0] in ("vllm", "python")


def test_there_is_no_server_of_one_s_own_engine():
    config = small_config(engine={**ENGINE, "kind": "my_code:Engine"})
    with pytest.raises(ConfigError, match=r"engine\.kind: my_code:Engine is not vLLM"):
        serve_command(config)


@pytest.mark.parametrize(("rank", "served"), [(1, 1), (20, 32), (512, 512)])
def test_a_rank_becomes_one_that_vllm_serves(rank, served):
    assert served_rank(rank) == served


def test_a_rank_that_no_vllm_serves_is_refused():
    with pytest.raises(ConfigError, match="--lora-rank 513: vLLM serves ranks up to 512"):
        served_rank(513)


def test_an_engine_is_not_told_what_one_before_it_was(monkeypatch):
    monkeypatch.delenv("VLLM_BATCH_INVARIANT", raising=False)
    config = small_config().engine
    tell(config.model_copy(update={"reproducible": True}))
    tell(config.model_copy(update={"reproducible": True}))
    assert os.environ["VLLM_BATCH_INVARIANT"] == "1"
    tell(config)
    assert "VLLM_BATCH_INVARIANT" not in os.environ


def test_what_a_person_set_stays(monkeypatch):
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "1")
    config = small_config().engine
    tell(config.model_copy(update={"reproducible": True}))
    tell(config)
    assert os.environ["VLLM_BATCH_INVARIANT"] == "1"
