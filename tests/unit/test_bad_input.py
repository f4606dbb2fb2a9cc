"""Bad input of a person: one line with what to do, exit code 2, nothing half-written."""

import fcntl
import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from bare_adapter import write_adapter
from inline import refusal, run_inline
from scripted_runs import run_scripted, small_config
from selflengthen.adapter.served import load_adapter
from selflengthen.errors import AdapterError, ConfigError, DirectoryError
from selflengthen.files.digest import digest_of
from synth.__main__ import cli
from synth.method.prompts.prompt_set import BUILT_IN
from synth.run.directory import RunDirectory

CPU = Path("configs/cpu.yaml")
MODEL = Path("models/smollm2-135m-instruct")


@pytest.fixture
def refuse(tmp_path, capsys):
    """Return what runs, expects exit code 2 and one line, and returns it."""
    out = tmp_path / "out"

    def refused(*arguments, config=CPU):
        line = refusal(cli, capsys, "run", "--config", config, "--out", out, *arguments)
        assert not out.exists()
        return line

    return refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "engine.max_num_seq=4"], "did you mean 'max_num_seqs'"),
        (["-o", "num_instructions=x"], "valid integer"),
        (["-o", "seeds"], "write KEY=VALUE"),
        (["-o", "seed=2024-13-45"], "valid integer, got '2024-13-45'"),
        (["-o", 'seeds="a\\0b"'], "null byte"),
        (["-o", "filter.min_words=30", "-o", "filter.max_words=3"], "exceeds max_words 3"),
        (["--iteration", "0"], "is not in the range"),
        (["--no-such-option"], "No such option"),
        (["-o", "seeds=missing.jsonl"], "cannot read 'missing.jsonl'"),
        (["-o", "prompts=fr"], "use en, en-small, zh, zh-small, or a folder"),
        (["-o", "filter.profile=strict"], "'reference-qwen'"),
        (["-o", "adapters.generator=nowhere"], "adapter_config.json: cannot read"),
        (["--iteration", "2"], "iteration 1 is not complete"),
        (["-o", "model.name=./nowhere"], "no model folder"),
        (["-o", "engine.max_model_len=100000"], "exceeds the model's 8192 positions"),
    ],
)
def test_bad_settings(refuse, arguments, message):
    assert message in refuse(*arguments)


def test_missing_configuration(refuse, tmp_path):
    assert "cannot read the configuration" in refuse(config=tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"", ": 0 seed instructions; at least 2"),
        (b'{"instruction": "one"}\n', ": 1 seed instructions"),
        (b'{"instruction": "one"}\nnot json\n', ":2: not JSON"),
        (b'{"instruction": "one"}\n\n{"text": "two"}\n', ':3: no "instruction" text'),
        (b'["one"]\n', ":1: not an object"),
        (b'{"instruction": " "}\n', ":1: no "),
        (b'{"instruction": "\xff"}\n', ":1: not JSON"),
    ],
)
def test_bad_seeds(refuse, tmp_path, lines, message):
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_bytes(lines)
    line = refuse("-o", f"seeds={seeds}")
    assert f"{seeds}{message}" in line


def test_a_template_without_its_placeholder(refuse, tmp_path):
    own = shutil.copytree(BUILT_IN / "en", tmp_path / "own")
    (own / "extend_tail.j2").write_text("{{ text }}")
    assert "placeholder {{ instruction }} is missing" in refuse("-o", f"prompts={own}")


def test_a_model_without_chat_template(refuse, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for path in MODEL.iterdir():
        if path.name not in ("chat_template.jinja", "model.safetensors"):
            (model / path.name).symlink_to(path.resolve())
    settings = json.loads((model / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (model / "tokenizer_config.json").unlink()
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    assert "has no chat template" in refuse("-o", f"model.name={model}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": "other/base"}, "base_model_name_or_path is 'other/base', not 'models/smollm2"),
        ({"r": 1000}, "r: input should be less than or equal to 512, got 1000"),
        ({"use_dora": True}, "use_dora is True, which vLLM does not serve"),
        ({"bias": "all"}, "bias is 'all', which vLLM does not serve"),
        ({"peft_type": "IA3"}, "peft_type is 'IA3', which vLLM does not serve"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa', which vLLM does not"),
        ({"rank_pattern": {"q_proj": 4}}, "has shape [8, 576], but it must be [r, in] with r 4"),
        ({"rank_pattern": {"q_proj": 1024}}, "vLLM serves ranks from 1 to 512"),
    ],
)
def test_an_adapter_that_cannot_be_served(refuse, tmp_path, changes, message):
    adapter = write_adapter(tmp_path / "adapter", **{"base": MODEL, **changes})
    assert message in refuse("-o", f"adapters.extender={adapter}")


def test_an_adapter_that_is_cut_or_another(tmp_path):
    adapter = write_adapter(tmp_path / "adapter")
    weights, provenance = adapter / "adapter_model.safetensors", adapter / "provenance.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    with pytest.raises(AdapterError, match=r"adapter_model\.safetensors: .*; copy it again"):
        load_adapter("generator@1", adapter, "scripted")
    weights.write_bytes(whole)
    provenance.write_text(json.dumps({"weights_sha256": "0" * 64}))
    with pytest.raises(ConfigError, match=r"not as provenance\.json lists it .* instead of 0000"):
        load_adapter("generator@1", adapter, "scripted")
    provenance.write_text(json.dumps({"weights_sha256": digest_of(weights)}))
    assert load_adapter("generator@1", adapter, "scripted").served_rank == 8


def test_an_output_directory_that_is_not_writable(tmp_path, capsys):
    (tmp_path / "file").touch()
    code, _, stderr = run_inline(
        cli, capsys, "run", "--config", CPU, "--out", tmp_path / "file" / "out"
    )
    assert (code, stderr.count("\n")) == (2, 1)
    assert "cannot write there" in stderr


def test_an_output_directory_with_another_configuration(tmp_path):
    run_scripted(tmp_path)
    with pytest.raises(DirectoryError, match=r"config\.seed 0 -> 7; use its configuration") as e:
        run_scripted(tmp_path, small_config(seed=7))
    assert "\n" not in str(e.value)


def test_changed_seeds_are_another_configuration(tmp_path):
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text('{"instruction": "Write one."}\n{"instruction": "Write two."}\n')
    config = small_config(seeds=str(seeds))
    run_scripted(tmp_path / "out", config)
    seeds.write_text('{"instruction": "Write one."}\n{"instruction": "Write three."}\n')
    with pytest.raises(DirectoryError, match=r"inputs\.seeds_sha256"):
        run_scripted(tmp_path / "out", config)


def test_a_directory_that_another_process_holds(tmp_path):
    directory = RunDirectory(tmp_path)
    with (
        directory.locked(),
        pytest.raises(DirectoryError, match=r"process \d+ on .* is writing there"),
        RunDirectory(tmp_path).locked(),
    ):
        pass
    assert not directory.is_locked()


def test_a_watcher_of_the_lock_does_not_keep_a_run_out(tmp_path):
    directory = RunDirectory(tmp_path)
    with directory.locked():
        pass
    descriptor = os.open(tmp_path / ".lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    threading.Timer(0.15, os.close, [descriptor]).start()
    with directory.locked():
        assert directory.is_locked()


def test_status_of_no_run_directory(tmp_path, capsys):
    code, _, stderr = run_inline(cli, capsys, "status", tmp_path)
    assert (code, stderr.count("\n")) == (2, 1)
    assert "no run directory" in stderr


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"iteration": 1, "state": "complete"}'])
def test_status_of_metrics_that_are_not_ours(tmp_path, capsys, content):
    metrics = tmp_path / "iteration-1" / "metrics.json"
    metrics.parent.mkdir()
    metrics.write_text(content)
    (tmp_path / "config.json").write_text("{}")
    code, _, stderr = run_inline(cli, capsys, "status", tmp_path)
    assert (code in (1, 2), stderr.count("\n")) == (True, 1)
    assert str(metrics) in stderr
