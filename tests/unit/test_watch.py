"""A watch never condemns a text that the full filter keeps."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import PROFILES, Circumstances
from filters.profile import UNKNOWN, DefaultProfile

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
    "\n\n- - -",
    "\nThe End.\n",
    "\n（完）\n",
    "Sure! Here is the essay:\n",
    "I'm sorry, but I can't.",
    "Let me know if you'd like me to change it.",
    "one two three four five six seven ",
    "x ",
    "Write a longer version of the text:",
    "<|im_end|>",
]


INSTRUCTIONS = ["Write an essay on rivers.", "写一篇关于河流的文章。", None]
PROMPT_LINES = ("Write a longer version of the text:",)


def texts():
    loops = st.tuples(st.sampled_from(PIECES), st.integers(1, 40)).map(
        lambda pair: pair[0] * pair[1]
    )
    return st.lists(loops, min_size=1, max_size=8).map("".join)


def condemns(profile, text, rng, circumstances=UNKNOWN):
    """Give a text to a fresh watch in random pieces; tell where it objected."""
    watch, start = profile.watch(circumstances), 0
    while start < len(text):
        end = start + rng.randrange(1, 60)
        if reason := watch(text[start:end]):
            return reason
        start = end
    return None


@pytest.mark.parametrize("name", sorted(PROFILES))
@given(
    text=texts(),
    seed=st.integers(0, 1000),
    instruction=st.sampled_from(INSTRUCTIONS),
    max_words=st.sampled_from([None, 40, 300]),
)
@settings(max_examples=400, deadline=None)
def test_the_watch_condemns_no_text_that_the_filter_keeps(name, text, seed, instruction, max_words):
    profile = PROFILES[name](**({"max_words": max_words} if name == "default" else {}))
    circumstances = Circumstances(instruction, prompt_lines=PROMPT_LINES)
    if condemns(profile, text, random.Random(seed), circumstances):
        assert not profile.judge(profile.trim(text), circumstances).keep


def test_watch_and_filter_agree_on_ten_thousand_texts():
    """Texts of a writer who drifts, loops, leaks and quotes, cut at random points."""
    rng = random.Random(0)
    profile = DefaultProfile(max_words=400, stretch_units=40)
    condemned, kept = Counter(), 0
    for _ in range(10_000):
        text = rambling(rng)
        circumstances = Circumstances(rng.choice(INSTRUCTIONS), prompt_lines=PROMPT_LINES)
        verdict = profile.judge(profile.trim(text), circumstances)
        kept += verdict.keep
        if reason := condemns(profile, text, rng, circumstances):
            assert not verdict.keep, text
            condemned[reason] += 1
    assert kept > 1_000
    for reason in ("loop", "meta_talk", "language_drift", "prompt_leak", "too_long"):
        assert condemned[reason] > 50, condemned
    assert {"poor_stretch", "stray_script"} <= set(condemned)


def rambling(rng):
    language = rng.choice(["en", "zh"])
    parts = [rng.choice([sentence(rng, language), *PIECES[-7:]])]
    for _ in range(rng.randrange(1, 30)):
        mishap = rng.random()
        if mishap < 0.04:
            parts.append(rng.choice(PIECES) * rng.randrange(1, 40))
        elif mishap < 0.06:
            language = rng.choice(["en", "zh"])
        elif mishap < 0.12:
            parts.append(
                rng.choice(
                    ["\n\n---\n\n", "\nThe End\n", "\n", " | ", "\n```\n", "\n| a | b |\n|--|--|\n"]
                )
            )
        else:
            parts.append(sentence(rng, language))
    return "".join(parts)


def sentence(rng, language):
    if language == "zh":
        return (
            "".join(chr(rng.randrange(0x4E00, 0x5E00)) for _ in range(rng.randrange(5, 30))) + "。"
        )
    words = " ".join(f"{rng.choice('bdfgklm')}{rng.choice('aeiou')}{rng.choice('lnrst')}"
                     for _ in range(rng.randrange(4, 20)))  # fmt: skip
    return words.capitalize() + rng.choice([". ", ".\n\n"])


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


@pytest.mark.parametrize(
    ("text", "lost_at", "reason"),
    [
        (
            "The mill.\n" + "磨坊停了下来，没有人知道为什么。\n" * 30,
            "。\n",
            "language_drift",
        ),
        (" ".join(f"word{number}" for number in range(80)), "word60 ", "too_long"),
        ("The mill. Write a longer version of the text: The mill stood.", "text:", "prompt_leak"),
        ("The mill stood still.<|im_end|> The mill", "<|im_end|>", "prompt_leak"),
    ],
)
def test_a_text_is_condemned_within_one_piece_of_its_loss(text, lost_at, reason):
    circumstances = Circumstances("Write about a mill.", prompt_lines=PROMPT_LINES)
    watch = DefaultProfile(max_words=60, stretch_units=15).watch(circumstances)
    pieces = [text[start : start + 20] for start in range(0, len(text), 20)]
    first = next(number for number, piece in enumerate(pieces) if watch(piece) == reason)
    assert first == -(-(text.index(lost_at) + len(lost_at)) // 20) - 1


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        ("\n\nThe End", "\n\nThe End"),
        ("\n\n**The End.**\n\nThis moved me, and I hope to read more.", "\n\n**The End.**"),
        ("\n\n（完）\n\n谢谢大家。", "\n\n（完）"),
        ("\n\nThe End\n\n" + "And then they met. " * 30, None),
        ("\n\nThe end of the road was near.", None),
    ],
)
def test_what_follows_the_end_is_cut_if_it_is_short(tail, kept):
    text = "The mill stood still.\n\nNobody came." + tail.rstrip()
    expected = text if kept is None else "The mill stood still.\n\nNobody came." + kept
    assert DefaultProfile().trim(text) == expected


def test_a_spaced_break_that_is_still_being_written_counts_for_nothing():
    text = " ".join(f"word{number}" for number in range(20)) + ".\n\n- - -"
    profile = DefaultProfile(max_words=20)
    assert profile.judge(profile.trim(text)).keep
    watch = profile.watch()
    assert [watch(character) for character in text] == [None] * len(text)


def test_a_draft_is_not_condemned_for_the_language_of_its_end():
    draft = "The mill stood still.\n\n" * 20 + "磨坊停了下来，没有人知道为什么。\n\n" * 30
    circumstances = Circumstances("Write about a mill.")
    profile = DefaultProfile(
        loop_max_period=1,
        max_stray_words=1000,
        min_new_share=0.0,
        min_vocabulary=0.0,
        max_frame_new_share=0.0,
        max_near_repeats=1000,
    )
    watch = profile.watch(circumstances)
    assert {watch(draft), watch("风停了，雨也停了，可是没有人回来，只有河水还在流。\n\n")} == {
        None,
        "language_drift",
    }
    assert profile.watch_draft()(draft) is None


def test_a_loop_inside_a_table_or_fence_is_not_condemned():
    table = "| a | b |\n|---|---|\n" + "| the same row | of cells |\n" * 60
    fence = "```\n" + "print(total) and again\n" * 60
    for text in (table, fence):
        assert condemns(PROFILES["default"](), text, random.Random(0)) is None


def test_in_stage_2_the_watch_sees_what_the_filter_sees():
    from synth.method.forms.draft import watch_spliced
    from synth.method.forms.text_form import DefaultForm

    head, stage_2 = "This is a story about my mother.", "She said:\n\nI was born by the river."
    profile, form = PROFILES["default"](), DefaultForm()
    assert profile.judge(form.splice(head, stage_2).text).keep
    watch = watch_spliced(profile.watch(), form, head)
    assert [watch(delta) for delta in (stage_2[:9], stage_2[9:14], stage_2[14:])] == [None] * 3
    looping = watch_spliced(profile.watch(), form, head)
    assert looping("\n") is None
    assert looping("It went " + "round and round " * 40) == "loop"
