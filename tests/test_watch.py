"""A watch never condemns a text that the full filter keeps."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import PROFILES

PIECES = [
    "The river rises in the hills and runs through three valleys before it meets the sea.",
    "我们走了很远的路，终于看见了大海。",
    "and so on and so forth ",
    "哈哈哈哈",
    "again ",
    "\n\n",
    "\n",
    "```\ncode code code\n",
    "```\n",
    "| a | b |\n|---|---|\n",
    "| the same row | of cells |\n",
    "same row\n",
    "\n---\n",
    "Sure! Here is the essay:\n",
    "I'm sorry, but I can't.",
    "Let me know if you'd like me to change it.",
    "one two three four five six seven ",
    "x ",
]


def texts():
    loops = st.tuples(st.sampled_from(PIECES), st.integers(1, 40)).map(
        lambda pair: pair[0] * pair[1]
    )
    return st.lists(loops, min_size=1, max_size=8).map("".join)


def condemns(profile, text, rng):
    """Give a text to a fresh watch in random pieces; tell where it objected."""
    watch, start = profile.watch(), 0
    while start < len(text):
        end = start + rng.randrange(1, 60)
        if reason := watch(text[start:end]):
            return reason
        start = end
    return None


@pytest.mark.parametrize("name", sorted(PROFILES))
@given(text=texts(), seed=st.integers(0, 1000))
@settings(max_examples=400, deadline=None)
def test_the_watch_condemns_no_text_that_the_filter_keeps(name, text, seed):
    profile = PROFILES[name]()
    if condemns(profile, text, random.Random(seed)):
        assert not profile.judge(profile.trim(text)).keep


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("default", "Once there was a mill. " + "round and round " * 60, "loop"),
        ("default", "从前有一座山，" + "山里有座庙，" * 40, "loop"),
        ("default", "Sure! Here is the essay:\n\nThe river", "meta_talk"),
        ("default", "I'm sorry, but I can't help with that.\nBut", "refusal"),
        ("default", "A line\n\n---\n\n" + "word and word again " * 60, "loop"),
        ("reference-llama", "a b c d e f g h i j k l m n o p q r s t " * 2, "ngram"),
        ("reference-qwen", "一二三四五六七八九十甲乙丙丁" * 2, "ngram"),
    ],
)
def test_a_lost_text_is_condemned_before_its_end(name, text, reason):
    assert condemns(PROFILES[name](), text, random.Random(0)) == reason


def test_a_loop_inside_a_table_or_fence_is_not_condemned():
    table = "| a | b |\n|---|---|\n" + "| the same row | of cells |\n" * 60
    fence = "```\n" + "print(total) and again\n" * 60
    for text in (table, fence):
        assert condemns(PROFILES["default"](), text, random.Random(0)) is None


def test_in_stage_2_the_watch_sees_what_the_filter_sees():
    from synth.pipeline.extend import _watch_spliced
    from synth.text_form import DefaultForm

    head, stage_2 = "This is a story about my mother.", "She said:\n\nI was born by the river."
    profile, form = PROFILES["default"](), DefaultForm()
    assert profile.judge(form.splice(head, stage_2)).keep
    watch = _watch_spliced(profile.watch(), form, head)
    assert [watch(delta) for delta in (stage_2[:9], stage_2[9:14], stage_2[14:])] == [None] * 3
    looping = _watch_spliced(profile.watch(), form, head)
    assert looping("\n") is None
    assert looping("round and round " * 40) == "loop"
