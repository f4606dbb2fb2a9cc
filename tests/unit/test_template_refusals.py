"""What a chat template refuses is one line before anything starts, in every command."""

import json

import pytest

from chat_templates import CHATML, GEMMA, GLM, MISTRAL, QWEN3, R1
from inline import refusal, run_inline
from model_variants import variant
from synth.__main__ import cli as synth
from tiny_model import build_tiny_model
from train.__main__ import cli as train

EMBEDDED = "models/smollm2-135m-instruct"
BROKEN = "{% for m in messages %}{{ m.content }"
NAMED = [{"name": "chat", "template": CHATML}, {"name": "tool_use", "template": CHATML}]
SYSTEM = {"role": "system", "content": "Be long."}
USER = {"role": "user", "content": "  Write about the river.  "}
THOUGHT = "<think>\nThree parts.\n</think>\n\nThe river rises."


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


def write_rows(path, *prompts, completion="The river rises."):
    answer = [{"role": "assistant", "content": completion}]
    path.write_text(
        "".join(json.dumps({"prompt": prompt, "completion": answer}) + "\n" for prompt in prompts)
    )
    return path


def sft(folder, model, rows, *more):
    config = folder / "train.yaml"
    config.write_text(
        "model: {name: none}\nlora: {rank: 4, alpha: 8}\n"
        "memory: {gradient_checkpointing: false}\noptimization: {epochs: 1}\n"
    )
    options = ("--config", config, "--data", rows, "--out", folder / "out")
    return ("sft", *options, "-o", f"model.name={model}", *more)


@pytest.mark.parametrize(
    ("template", "prompt", "row", "words"),
    [
        (GEMMA, [SYSTEM, USER], 2, "refuses turns of system, user: System role not supported"),
        (MISTRAL, [SYSTEM, USER], 2, "refuses turns of system, user: Conversation roles must"),
        (GEMMA, [USER, USER], 2, "refuses turns of user, user: Conversation roles must"),
        (GLM, [USER], 1, "closes the assistant's turn without a token that ends generation"),
        (BROKEN, [USER], None, "refuses turns of user: unexpected '}'"),
        (NAMED, [USER], None, "refuses turns of user: This model has multiple chat templates"),
        (R1, [USER], None, "renders a prompt differently when an answer follows it"),
        ("", [USER], None, "has no chat template; use an instruct model"),
    ],
)
def test_a_training_names_the_row_or_the_model(
    tmp_path, capsys, tiny, template, prompt, row, words
):
    model = variant(tiny, tmp_path / "model", template)
    rows = write_rows(tmp_path / "rows.jsonl", [USER], prompt)
    line = refusal(train, capsys, *sft(tmp_path, model, rows))
    assert words in line
    assert line.startswith(f"error: {rows}:{row}: " if row else f"error: model.name: '{model}'")
    assert not list(tmp_path.glob("out*"))


def test_a_thinking_trace_that_finds_no_place_names_its_row(tmp_path, capsys, tiny):
    model = variant(tiny, tmp_path / "model", QWEN3)
    rows = write_rows(tmp_path / "rows.jsonl", [USER], completion=THOUGHT)
    more = ("-o", "model.chat_template_kwargs={enable_thinking: false}")
    line = refusal(train, capsys, *sft(tmp_path, model, rows, *more))
    assert f"error: {rows}:1: the chat template renders a prompt differently" in line
    assert run_inline(train, capsys, *sft(tmp_path, model, rows, "--dry-run"))[0] == 0


def synthesis(command, folder, model, *more):
    options = ("--config", "configs/cpu.yaml", "--out", folder / "out", "-o", f"model.name={model}")
    own = {"loop": ("--iterations", 1), "measure": ("--iteration", 1), "run": ()}
    return (command, *options, *own[command], *more)


@pytest.mark.parametrize("command", ["run", "measure", "loop"])
@pytest.mark.parametrize(
    ("template", "words"),
    [
        (
            GEMMA,
            "model.system_prompt: the chat template refuses turns of system, user: System role",
        ),
        (MISTRAL, "model.system_prompt: the chat template refuses turns of system, user: Conver"),
        (BROKEN, "refuses turns of system, user: unexpected '}'"),
        (R1, "opens <think> in front of every answer"),
        (NAMED, "multiple chat templates with no default"),
        ("", "has no chat template"),
    ],
)
def test_a_synthesis_tries_the_template_first(tmp_path, capsys, command, template, words):
    model = variant(EMBEDDED, tmp_path / "model", template)
    more = ("-o", "model.system_prompt=Be long.")
    assert words in refusal(synth, capsys, *synthesis(command, tmp_path, model, *more))
    assert not (tmp_path / "out").exists()


EXHAUSTIVE = pytest.mark.exhaustive


@pytest.mark.parametrize(
    ("template", "trainer", "words"),
    [
        (GLM, {}, "loop.generator: the chat template closes the assistant's turn without a token"),
        pytest.param(
            None,
            {"distributed": "ddp"},
            "loop.generator: distributed: ddp is configured, but",
            marks=EXHAUSTIVE,
        ),
        pytest.param(
            None,
            {"lora": {"target_modules": ["no_proj"]}},
            "loop.generator: lora.target_modules: do",
            marks=EXHAUSTIVE,
        ),
        pytest.param(
            None,
            {"model": {"name": "x", "load_in_4bit": True}},
            "loop.generator: model.load_in_4bit",
            marks=EXHAUSTIVE,
        ),
        pytest.param(
            None,
            {"model": {"name": "x", "attention": "flash_attention_2"}},
            "model.name: cannot l",
            marks=EXHAUSTIVE,
        ),
        (None, {"trackers": ["trackio"]}, "loop.generator: trackers: trackio is not installed"),
    ],
)
def test_a_loop_asks_the_trainer_what_it_would_refuse(tmp_path, capsys, template, trainer, words):
    model = variant(EMBEDDED, tmp_path / "model", template)
    (tmp_path / "train.yaml").write_text(json.dumps({"model": {"name": "x"}} | trainer))
    more = ("-o", f"loop.generator={tmp_path / 'train.yaml'}")
    assert words in refusal(synth, capsys, *synthesis("loop", tmp_path, model, *more))
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(tmp_path, capsys, tiny):
    rows = write_rows(tmp_path / "rows.jsonl", [USER], [SYSTEM, USER])
    code, _, stderr = run_inline(train, capsys, *sft(tmp_path, tiny, rows, "--dry-run"))
    assert code == 0
    assert "rows: 2, " in stderr
    assert "nothing is trained in a dry run" in stderr
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    "files",
    [
        {"generation_config": None},
        {"generation_config": {"eos_token_id": [0, 2]}},
    ],
    ids=["config.json alone", "one of several"],
)
def test_tokens_that_end_generation_are_those_that_vllm_takes(tmp_path, capsys, tiny, files):
    own = {"tokenizer_config": {"eos_token": "<|endoftext|>"}}
    model = variant(tiny, tmp_path / "model", None, **own, **files)
    rows = write_rows(tmp_path / "rows.jsonl", [USER])
    assert run_inline(train, capsys, *sft(tmp_path, model, rows, "--dry-run"))[0] == 0


def test_broken_generation_settings_are_no_settings(tmp_path, capsys, tiny):
    model = variant(tiny, tmp_path / "model")
    (model / "generation_config.json").write_text('{"eos_token_id": [2,')
    rows = write_rows(tmp_path / "rows.jsonl", [USER])
    assert run_inline(train, capsys, *sft(tmp_path, model, rows, "--dry-run"))[0] == 0
