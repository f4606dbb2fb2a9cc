"""Splitting, joining and thinning out; the recorded transcripts of the reference, call by call."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import PROFILES
from golden_cases import GOLDEN
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import small_config
from synth.engine.base import Completion, FinishReason
from synth.loop.trainer_check import RECORD
from synth.method.books.book import CohortBook
from synth.method.extend import extend_response
from synth.method.forms.text_form import FORMS, DefaultForm, split_paragraphs
from synth.method.prompts.prompt_set import load_prompt_set
from synth.method.recipe import CohortContext, Recipe
from synth.method.records import extender_row, generator_row
from synth.method.sample import InitialResponse, Instruction, Slot
from synth.method.stages import Stage

FORM = DefaultForm()
# How the reference frames a pre-filled turn: before the user's text, and before the pre-fill.
FRAMES = {
    "qwen": (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
    ),
    "llama": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
}


@pytest.fixture
def sentinel_prompts(tmp_path):
    """The prompt set in which the cases were recorded."""
    (tmp_path / "instruct.j2").write_text("-")
    (tmp_path / "judge.j2").write_text("{{ instruction }}")
    (tmp_path / "extend.j2").write_text("[[P={{ instruction }}|R={{ text }}]]")
    (tmp_path / "wording.yaml").write_text("label: I\nanswer_yes: 'yes'\nanswer_no: 'no'\n")
    return load_prompt_set(str(tmp_path))


def reference_recipe(variant, prompts):
    config = small_config(
        filter={"profile": f"reference-{variant}"},
        extend={"form": f"reference-{variant}", "attempts": 1, "micro_iterations": 3},
    )
    return Recipe(config, 1, prompts, (), {})


def initial_response(instruction, text):
    slot = Slot(1, 0, 0, 0)
    completion = Completion(text, FinishReason.STOP, 1, 0, 1)
    proposal = Instruction(slot, instruction, 1, None, completion)
    return InitialResponse("r", proposal, text, 1, ((Stage.GENERATE, completion),))


@pytest.mark.parametrize("case", GOLDEN["extend_response"])
def test_recorded_extensions_are_reproduced_call_by_call(case, sentinel_prompts):
    assert len(GOLDEN["extend_response"]) == 6
    script = iter(case["script"])
    engine = ScriptedEngine(lambda _: Answer(next(script)), concurrency=1)
    recipe = reference_recipe(case["variant"], sentinel_prompts)
    context = CohortContext(recipe, engine, None, CohortBook(0))
    initial = initial_response(case["prompt"], case["response"])
    extended = asyncio.run(extend_response(initial, 0, context))
    before_user, before_prefill = FRAMES[case["variant"]]
    asked = [
        request.user
        if request.kind is Stage.EXTEND_HEAD
        else before_user + request.user + before_prefill + request.prefill
        for request in engine.requests
    ]
    assert asked == [call["prompt"] for call in case["calls"]]
    assert (extended.text if extended else None) == case["result"]


@pytest.mark.parametrize("case", GOLDEN["mk_data"])
def test_recorded_training_rows_are_reproduced(case, sentinel_prompts, monkeypatch):
    recipe = reference_recipe(case["variant"], sentinel_prompts)
    rng = random.Random(case["seed"])
    monkeypatch.setattr("synth.method.records.random.Random", lambda _: rng)
    for row, generator, extender in zip(case["rows"], case["gen"], case["ext"], strict=True):
        texts = {
            "instruction": row["prompt"],
            "initial_response": row["initial_response"],
            "response": row["extended_response"],
        }
        record = RECORD.model_copy(update=texts)
        for expected, made in (
            (generator, generator_row(record, recipe)),
            (extender, extender_row(record, recipe)),
        ):
            assert made.prompt[-1]["content"] == expected["instruction"]
            assert made.completion[0]["content"] == expected["output"]


@pytest.mark.parametrize(
    ("text", "outline"),
    [
        ("a\n\nb\n\nc\n\nd", "a\n\nb"),
        ("a\n\nb\n\nc", "a"),
        ("a\nb\nc\nd", "a\n\nb"),
        ("a\nb\n\nc\nd", "a\n\nb"),
        ("alone", "alone"),
        ("a\n \n\n b\n\nc\n\nd", "a\n\n b"),
    ],
)
def test_an_outline_is_the_first_half_of_the_paragraphs(text, outline):
    assert FORM.outline(text) == outline


@pytest.mark.parametrize(
    ("stage_1", "head"),
    [
        ("a\n\nb\n\nc", "a\n\nb"),
        ("a\n\nb", "a"),
        ("alone", "alone"),
        ("a\n\nb\n\nc\n\nd", "a\n\nb"),
    ],
)
def test_a_head_is_two_thirds_of_the_paragraphs_and_never_empty(stage_1, head):
    assert FORM.head(stage_1) == head


FENCE = "Look:\n\n```\nfirst\n\nsecond\n```"


@pytest.mark.parametrize(
    ("head", "stage_2", "joined"),
    [
        ("A.", "\n\nB.", "A.\n\nB."),
        ("A.", "B.", "A.\n\nB."),
        ("A.", "\nB.", "A.\n\nB."),
        ("A.", " B.", "A. B."),
        ("A", ", and b.", "A, and b."),
        ("甲。", "乙。", "甲。\n\n乙。"),
        ("- a", "\n- b", "- a\n- b"),
        ("| a |\n|---|\n| 1 |", "\n| 2 |", "| a |\n|---|\n| 1 |\n| 2 |"),
        ("```\nfirst", "\nsecond\n```", "```\nfirst\nsecond\n```"),
        (FENCE, "After.", f"{FENCE}\n\nAfter."),
        ("", "B.", "B."),
    ],
)
def test_a_blank_line_is_put_in_only_where_a_new_paragraph_starts(head, stage_2, joined):
    assert FORM.splice(head, stage_2).text == joined


def test_a_fence_is_one_paragraph():
    assert split_paragraphs(f"{FENCE}\n\nEnd.") == ["Look:", "```\nfirst\n\nsecond\n```", "End."]


LINES = st.lists(st.sampled_from(["", "one", "two two", "三", "  four"]), min_size=1, max_size=12)


@given(LINES.map("\n".join), st.integers(0, 1000))
def test_a_training_outline_is_never_empty_and_has_lines_of_the_text_in_order(text, seed):
    if not text.strip():
        return
    outline = FORM.training_outline(text, 0.3, random.Random(seed))
    assert outline.strip()
    remaining = iter(line.strip() for line in text.split("\n"))
    assert all(line.strip() in remaining for line in outline.split("\n") if line.strip())
    assert FORM.training_outline(text, 1.0, random.Random(seed)) == "\n\n".join(
        "\n".join(line for line in part.split("\n")) for part in split_paragraphs(text)
    )


def test_lines_stay_with_the_configured_probability():
    text = "\n".join(f"line {number}" for number in range(5000))
    outline = FORM.training_outline(text, 0.8, random.Random(0))
    assert outline.count("line") == pytest.approx(4000, rel=0.03)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_every_form_has_a_profile_of_its_name(name):
    assert name in PROFILES
