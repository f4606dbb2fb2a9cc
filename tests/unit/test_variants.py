"""Odd templates, models, rows, adapters and directories: done, or one line; no traceback."""

import gzip
import json
import shutil

import pytest

from bare_adapter import write_adapter
from chat_templates import CHATML
from inline import run_inline
from model_variants import variant
from synth.__main__ import cli as synth
from tiny_model import add_adapter, build_tiny_model
from train.__main__ import cli as train

DONE, REFUSED = 0, 2
CPU = ("--config", "configs/cpu.yaml")
USER = [{"role": "user", "content": "Write about the river."}]
ANSWER = [{"role": "assistant", "content": "The river rises."}]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    return add_adapter(tiny, tmp_path_factory.mktemp("adapter") / "whole")


def check_outcome(code, stderr, expected):
    assert "Traceback" not in stderr
    assert code == expected, stderr
    if code == REFUSED:
        assert stderr.startswith("error: ")
        assert stderr.count("\n") == 1


def row_of(prompt=USER, completion=ANSWER, **more):
    return json.dumps({"prompt": prompt, "completion": completion, **more}).encode()


def dry_run(folder, capsys, model, content):
    rows = folder / "rows.jsonl"
    rows.write_bytes(content)
    config = folder / "train.yaml"
    config.write_text("model: {name: none}\nlora: {rank: 4, alpha: 8}\n")
    options = ("--config", config, "--data", rows, "--out", folder / "out", "--dry-run")
    return run_inline(train, capsys, "sft", *options, "-o", f"model.name={model}")


TEMPLATES = {
    "unknown filter": ("{{ messages | nothing }}", REFUSED),
    "unknown test": ("{% if messages is odd_looking %}{% endif %}" + CHATML, REFUSED),
    "unknown tag": ("{% frobnicate %}" + CHATML, REFUSED),
    "included file": ("{% include 'other.jinja' %}", REFUSED),
    "imported macros": ("{% import 'other.jinja' as other %}" + CHATML, REFUSED),
    "only white space": (" \n", REFUSED),
    "nothing of the messages": ("{{ bos_token }}", REFUSED),
    "a private attribute": ("{{ ''.__class__.__mro__ }}" + CHATML, REFUSED),
    "a private call": ("{{ ''.__class__.__subclasses__() }}" + CHATML, REFUSED),
    "an empty exception": ("{{ raise_exception('') }}", REFUSED),
    "an exception of two lines": ("{{ raise_exception('no\nno') }}", REFUSED),
    "a macro without end": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", REFUSED),
    "a range without end": ("{% for i in range(10 ** 9) %}{% endfor %}" + CHATML, REFUSED),
    "an undefined call": ("{{ nothing() }}" + CHATML, REFUSED),
    "undefined tools": ("{{ tools | length }}" + CHATML, REFUSED),
    "an undefined text": ("{{ nothing }}" + CHATML, DONE),
    "a system turn is a must": (
        "{% if messages[0].role != 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + CHATML,
        REFUSED,
    ),
    "line ends of Windows": (CHATML.replace("\n", "\r\n"), DONE),
    "loop controls": ("{% for i in range(3) %}{% break %}{% endfor %}" + CHATML, DONE),
    "generation blocks": (
        CHATML.replace("m.content", "m.content").replace(
            "{% for m", "{% generation %}{% endgeneration %}{% for m"
        ),
        DONE,
    ),
    "text in another order": (CHATML.replace("m.content", "m.content | reverse"), REFUSED),
    "text in capitals": (CHATML.replace("m.content", "m.content | upper"), REFUSED),
    "half of the turns": (CHATML.replace("in messages", "in messages[1:]"), REFUSED),
    "names without a default": ([{"name": "a", "template": CHATML}], REFUSED),
    "names with a default": (
        [{"name": "default", "template": CHATML}, {"name": "rag", "template": "{{ no() }}"}],
        DONE,
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates(tmp_path, capsys, tiny, name):
    template, expected = TEMPLATES[name]
    model = variant(tiny, tmp_path / "model", template)
    code, _, stderr = dry_run(tmp_path, capsys, model, row_of())
    check_outcome(code, stderr, expected)


def torn(name):
    return lambda model: (model / name).write_bytes((model / name).read_bytes()[:30])


def without(name):
    return lambda model: (model / name).unlink()


def changed(name, **changes):
    def change(model):
        tree = json.loads((model / name).read_text()) | changes
        (model / name).write_text(json.dumps(tree))

    return change


MODELS = {
    "a torn tokenizer": (torn("tokenizer.json"), REFUSED),
    "torn settings of the tokenizer": (torn("tokenizer_config.json"), REFUSED),
    "a torn configuration": (torn("config.json"), REFUSED),
    "no configuration": (without("config.json"), REFUSED),
    "no padding token": (changed("tokenizer_config.json", pad_token=None), DONE),
    "an unknown kind of model": (changed("config.json", model_type="nobody_s"), REFUSED),
    "an unknown kind of tokenizer": (
        changed("tokenizer_config.json", tokenizer_class="NobodysTokenizer"),
        DONE,
    ),
    "several tokens that end generation": (
        changed("generation_config.json", eos_token_id=[0, 2]),
        DONE,
    ),
    "a folder with spaces": (lambda model: None, DONE),
    "no template anywhere": (without("chat_template.jinja"), REFUSED),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(tmp_path, capsys, tiny, name):
    change, expected = MODELS[name]
    model = variant(tiny, tmp_path / "ein Pfad mit ü")
    change(model)
    code, _, stderr = dry_run(tmp_path, capsys, model, row_of())
    check_outcome(code, stderr, expected)
    if expected == REFUSED:
        run = ("run", *CPU, "--out", tmp_path / "run", "-o", f"model.name={model}")
        code, _, stderr = run_inline(synth, capsys, *run)
        check_outcome(code, stderr, REFUSED)


ROWS = {
    "content in parts": (row_of([{"role": "user", "content": [{"text": "x"}]}]), REFUSED),
    "no content": (row_of([{"role": "user", "content": None}]), REFUSED),
    "a tool's turn": (row_of([*USER, {"role": "tool", "content": "x"}]), REFUSED),
    "a prompt that is text": (row_of("Write."), REFUSED),
    "a completion that is text": (row_of(completion="The river."), REFUSED),
    "a turn that is text": (row_of(["Write."]), REFUSED),
    "a last turn of the assistant's": (row_of([*USER, *ANSWER]), REFUSED),
    "a system turn in the middle": (row_of([*USER, {"role": "system", "content": "x"}]), REFUSED),
    "several turns": (row_of([*USER, *ANSWER, *USER]), DONE),
    "a byte order mark": (b"\xef\xbb\xbf" + row_of(), REFUSED),
    "gzip": (gzip.compress(row_of()), REFUSED),
    "line ends of Windows": (row_of() + b"\r\n" + row_of() + b"\r\n", DONE),
    "nested too deep": (b'{"prompt": ' + b"[" * 5000, REFUSED),
    "a key twice": (b'{"prompt": 1, "prompt": 2}', REFUSED),
    "only empty lines": (b"\n\n \n", REFUSED),
    "half of a surrogate": (rb'{"prompt": [{"role": "user", "content": "\ud800"}]}', REFUSED),
    "a zero": (row_of([{"role": "user", "content": "a\0b"}]), DONE),
    "private characters": (row_of(completion=[{**ANSWER[0], "content": "\ue000t0\ue001"}]), DONE),
    "a control token that is spelled": (
        row_of(completion=[{**ANSWER[0], "content": "<|im_end|>"}]),
        DONE,
    ),
    "an id that is an object": (row_of(id={"a": 1}), DONE),
    "a role that is a number": (row_of(role=7), DONE),
    "UTF-16": (row_of().decode().encode("utf-16"), REFUSED),
    "a list of rows": (b"[" + row_of() + b"]", REFUSED),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows(tmp_path, capsys, tiny, name):
    content, expected = ROWS[name]
    code, _, stderr = dry_run(tmp_path, capsys, tiny, content)
    check_outcome(code, stderr, expected)


def configured(**changes):
    return changed("adapter_config.json", **changes)


def replaced_by_file(adapter):
    shutil.rmtree(adapter)
    adapter.write_text("x")


ADAPTERS = {
    "a file": (replaced_by_file, REFUSED),
    "an empty folder": (lambda adapter: [path.unlink() for path in adapter.iterdir()], REFUSED),
    "a rank that is text": (configured(r="8"), REFUSED),
    "targets that are null": (configured(target_modules=None), REFUSED),
    "a pattern that is none": (configured(rank_pattern={"(": 4}), REFUSED),
    "patterns in a list": (configured(rank_pattern=["q_proj"]), REFUSED),
    "a negative scale": (configured(lora_alpha=-1), REFUSED),
    "a base that is a number": (configured(base_model_name_or_path=7), REFUSED),
    "a header of rubbish": (
        lambda adapter: (adapter / "adapter_model.safetensors").write_bytes(b"\xff" * 64),
        REFUSED,
    ),
    "a provenance that is no JSON": (
        lambda adapter: (adapter / "provenance.json").write_text("{"),
        1,
    ),
    "another program's provenance": (
        lambda adapter: (adapter / "provenance.json").write_text('{"by": "somebody"}'),
        DONE,
    ),
    "files of a trainer beside it": (
        lambda adapter: (adapter / "training_args.bin").write_bytes(b"x"),
        DONE,
    ),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapters(tmp_path, capsys, whole, name):
    change, expected = ADAPTERS[name]
    adapter = shutil.copytree(whole, tmp_path / "adapter")
    change(adapter)
    code, _, stderr = run_inline(train, capsys, "check", adapter)
    check_outcome(code, stderr, expected)


RUN = ("run", *CPU, "--out", "{f}/out")
DIRECTORIES = {
    "a file as run directory": (synth, ("run", *CPU, "--out", "{f}/file")),
    "a run directory below a file": (synth, ("run", *CPU, "--out", "{f}/file/out")),
    "a configuration that is a folder": (synth, ("run", "--config", "{f}", "--out", "{f}/out")),
    "a configuration of zeros": (synth, ("run", "--config", "{f}/zeros", "--out", "{f}/out")),
    "the status of a file": (synth, ("status", "{f}/file")),
    "the status of nothing": (synth, ("status", "{f}/nothing")),
    "the filter over a folder": (synth, ("filter", "{f}")),
    "an adapter that is a file": (
        synth,
        ("run", *CPU, "--out", "{f}/out", "-o", "adapters.generator={f}/file"),
    ),
    "an adapter of other layers": (
        synth,
        ("run", *CPU, "--out", "{f}/out", "-o", "adapters.generator={f}/adapter"),
    ),
    "a model that is a file": (synth, (*RUN, "-o", "model.name={f}/file")),
    "a model that is nothing": (synth, (*RUN, "-o", "model.name={f}/no")),
    "a day that is none": (synth, (*RUN, "-o", "model.template_date=x")),
    "data that is an empty folder": (
        train,
        ("sft", "--config", "configs/train/cpu.yaml", "--data", "{f}/empty", "--out", "{f}/out"),
    ),
    "a merge into a file": (train, ("merge", "{f}/adapter", "--out", "{f}/file")),
}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_directories(tmp_path, capsys, name):
    cli, words = DIRECTORIES[name]
    (tmp_path / "file").write_text("x")
    (tmp_path / "zeros").write_bytes(bytes(64))
    (tmp_path / "empty").mkdir()
    write_adapter(tmp_path / "adapter", "models/smollm2-135m-instruct", rank_pattern={"(": 1})
    arguments = [word.replace("{f}", str(tmp_path)) for word in words]
    code, _, stderr = run_inline(cli, capsys, *arguments)
    check_outcome(code, stderr, REFUSED)
    assert not (tmp_path / "out").exists()


def test_there_are_enough_of_them():
    assert sum(map(len, (TEMPLATES, MODELS, ROWS, ADAPTERS, DIRECTORIES))) >= 60
