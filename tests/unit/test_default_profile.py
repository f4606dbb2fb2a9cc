"""The default profile: what it decides otherwise than the reference, and its own rules."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import Circumstances
from filters.profile import DefaultProfile
from golden_cases import GOLDEN

DEFAULT = DefaultProfile()

# Recorded cases in which the default profile means to differ from at least one of the references:
# why, its own reason (None: kept), the texts.
TEN = "one two three four five six seven eight nine ten"
LOOPING = "Hello world. " * 40 + ")"
DIFFERENT = [
    (
        "ASCII punctuation ends a text in any language",
        None,
        [
            "Hello world.",
            "Hello!",
            "Hello?",
            "Great 🎉.",
            "cafe\u0301.",
            "é.",
            "x.\xa0",
            "x.\r\n",
            "x.\u001c",
            "١٢٣.",
            "你好!",
            "你好?",
            "안녕하세요.",
            "1. 2. 3.",
            "Response.",
            "irresponsible.",
            "corresponding.",
            "a\nb\nresponse\nc\nd\ne.",
            "a\n\nresponse\n\nb\n\nc\n\nd.",
            "a\nb\nc\nd\ne\nRevised Version: x.",
            "ha ha ha ha ha ha ha ha ha ha.",
        ],
    ),
    (
        "CJK punctuation ends a text in any language",
        None,
        [
            "Hello……",
            "“Quoted.”",
            "👩\u200d👩\u200d👧。",
            "x。\u3000",
            "你好。",
            "你好……",
            "これはテストです。",
            "A你好。",
            "\n你好。",
            "。",
            "一二三四五六Python 3.11七八九十甲乙丙，一二三四五六Python 3.12七八九十甲乙丙。",
        ],
    ),
    (
        "an invisible character after the full stop is passed over",
        None,
        [
            "x.\u200b",
            "x.\ufeff",
        ],
    ),
    (
        "meta talk is a phrase at its place, not a substring",
        None,
        [
            "diversion.",
            "subversion.",
            "revision.",
            "a\nb\nc\nresponse\nd\ne.",
            "a\nresponse\nb\nc\nd\ne.",
        ],
    ),
    (
        "a closing mark alone, a semicolon or a dash ends nothing",
        "incomplete_ending",
        [
            "Hello;",
            "end -",
            "it's done'",
            "(paren)",
            "{x}",
            "<b>x</b>",
            "‘q’",
            "it’",
            "你好】",
            "你好”",
            "你好’",
            '你好"',
        ],
    ),
    (
        "units of every script are counted, without regard to case",
        "repetition",
        [
            f"{TEN} {TEN}.",
            f"{TEN} {TEN.title()} x.",
            "ha ha ha ha ha ha ha ha ha ha ha.",
        ],
    ),
    (
        "ten words are seventeen code points of a script without spaces",
        None,
        [
            "一二三四五六七八九十甲乙一二三四五六七八九十甲乙。",
            "一二三四五六七八九十甲乙丙。一二三四五六七八九十甲乙丙。",
            "哈哈哈哈哈哈哈哈哈哈哈哈。",
            "哈哈哈哈哈哈哈哈哈哈哈哈哈。",
            "哈哈哈哈哈哈哈哈哈哈哈哈哈哈。",
            "我 我 我 我 我 我 我 我 我 我 我 我 我 。",
        ],
    ),
    (
        "a loop rejects, whatever the script and the profile",
        "loop",
        [
            LOOPING,
        ],
    ),
]


def differs(case):
    keep = DEFAULT.judge(case["text"]).keep
    return any(keep != case[name]["ok"] for name in ("qwen", "llama"))


def test_the_table_lists_exactly_the_cases_decided_otherwise():
    listed = [text for _, _, texts in DIFFERENT for text in texts]
    assert sorted(listed) == sorted(c["text"] for c in GOLDEN["check_response"] if differs(c))


@pytest.mark.parametrize(("why", "reason", "texts"), DIFFERENT)
def test_cases_decided_otherwise_have_the_reason_of_the_table(why, reason, texts):
    assert [DEFAULT.judge(text).reason for text in texts] == [reason] * len(texts), why


PROSE = "The river rises in the hills and runs through three valleys before it meets the sea."
MORE = "Farmers on both banks have argued about water since the first mill was built."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        (f"{PROSE} And then,", "incomplete_ending"),
        (f"{PROSE}\n\n- one\n- two", None),
        (f"{PROSE}\n\n- one,\n- two,", "incomplete_ending"),
        (f"**{PROSE}**", None),
        (f"“{PROSE}”", None),
        (f"{PROSE} 🎉", None),
        (f"{PROSE}\n\n```\ncode\n```", None),
        (f"{PROSE}\n\n```\ncode", "incomplete_ending"),
        (f"{PROSE}\n\n| a | b |\n|---|---|\n| 1 | 2 |", None),
        (f"Dear Ann,\n\n{PROSE}\n\nYours sincerely,\nJohn Smith", None),
        (f"{PROSE}\n\nYours sincerely,", "incomplete_ending"),
        (f"{PROSE}\n\nThe End", None),
        ("从前有一座山，山里有一座庙。\n\n（完）", None),
        ("从前有一座山，山里有一座庙，", "incomplete_ending"),
        (f"Sure! Here is the essay:\n\n{PROSE}", "meta_talk"),
        (f"Here is the revised version of your essay:\n\n{PROSE}", "meta_talk"),
        (f"Here is a house where the river begins. {PROSE}", None),
        (f"The emergency response was swift. {PROSE}", None),
        ("好的，以下是扩写后的文章：\n\n从前有一座山。", "meta_talk"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("As an AI language model, I cannot write stories.", "refusal"),
        (f"As an AI researcher, I think of rivers. {PROSE}", None),
        ("很抱歉，我无法完成这个请求。", "refusal"),
        ("I can't help thinking of the river. It was wide.", None),
        ("I cannot answer when my daughter asks where her father went. She is six.", None),
        ("I will not write to you again, she said. The train left.", None),
        ("I cannot write this story, as it is harmful.", "refusal"),
        ("我无法回答这个问题。父亲去世那年我才六岁。", None),
        ("这是我写给母亲的最后一篇文章。她没有读到。", None),
        ("好的，我马上来。他挂了电话，走进雨里。", None),
        (f"# Revised Version\n\n{PROSE}", "meta_talk"),
        (f"{PROSE}\n\nPlease let me know if you want me to come.", None),
        (f"{PROSE}\n\nWould you like me to stay?", None),
        (f"{PROSE}\n\nWould you like me to expand any part of this essay?", "closing_offer"),
        (f"{PROSE}\nWith trembling hands, she opened\nthe door and saw", "incomplete_ending"),
        (f"{PROSE}\n\nMany of them, however, went\nto the", "incomplete_ending"),
        (f"{PROSE}\n\nWith best regards,\nAnn", None),
        (f"{PROSE}\n\n a | b\n---|---\n 1 | 2", None),
        (f"{PROSE}\n\nLet me know if you'd like me to change anything!", "closing_offer"),
        (f"{PROSE}\n\nPlease let me know if you can attend the dinner.", None),
        ("从前有一座山。\n\n希望以上内容对您有所帮助。", "closing_offer"),
        (f"{PROSE}<|im_end|>.", "prompt_leak"),
        (f"{PROSE} [INST] more.", "prompt_leak"),
    ],
)
def test_each_rule_speaks_in_its_case_only(text, reason):
    assert DEFAULT.judge(text).reason == reason


def test_truncated_text_is_rejected_even_if_it_ends_well():
    assert DEFAULT.judge(PROSE, Circumstances(is_truncated=True)).reason == "truncated"


def test_a_fixed_line_of_the_prompt_is_a_leak():
    line = "Keep the subject, the voice and the order of the text."
    known = Circumstances(prompt_lines=(line,))
    assert DEFAULT.judge(f"{PROSE}\n\n{line}", known).reason == "prompt_leak"
    assert DEFAULT.judge(PROSE, known).keep


@pytest.mark.parametrize(
    ("instruction", "text", "reason"),
    [
        ("写一篇关于河流的文章。", PROSE, "language_drift"),
        ("Write about rivers.", "从前有一座山，山里有一座庙。", "language_drift"),
        ("Write about rivers in Chinese.", "从前有一座山，山里有一座庙。", None),
        ("Translate a poem about rivers.", "从前有一座山，山里有一座庙。", None),
        ("写一篇关于 Python 的文章。", "这篇文章介绍 Python 语言的历史和用途。", None),
        ("写一篇关于河流的文章。", "これはとてもながいかわのはなしです。", "language_drift"),
    ],
)
def test_language_drift_is_judged_where_an_instruction_is_given(instruction, text, reason):
    assert DEFAULT.judge(text, Circumstances(instruction=instruction)).reason == reason
    assert DEFAULT.judge(text).keep


def test_a_fence_that_was_only_opened_is_no_ending():
    assert DEFAULT.judge(f"{PROSE}\n\n```").reason == "incomplete_ending"
    assert DEFAULT.judge(f"{PROSE}\n\n```\nprint(1)\n```").keep
    assert DEFAULT.judge(f"{PROSE}\n\n```ls``` lists the files.").keep
    assert DEFAULT.judge(f"{PROSE}\n\n~~~").keep


def test_length_bounds_apply_only_where_set():
    with pytest.raises(ValueError, match="min_words 30 exceeds max_words 3"):
        DefaultProfile(min_words=30, max_words=3)
    bounded = DefaultProfile(min_words=10, max_words=20)
    assert bounded.judge("Too short.").reason == "too_short"
    assert bounded.judge(PROSE).keep
    assert bounded.judge(f"{PROSE} {MORE}").reason == "too_long"


ROW = "| the same row | again and again |\n"
CODE = "for item in items: total += item\n"


def test_code_and_tables_may_repeat():
    table = f"| a | b |\n|---|---|\n{ROW * 30}"
    assert DEFAULT.judge(f"{PROSE}\n\n{table}\n{MORE}").keep
    assert DEFAULT.judge(f"{PROSE}\n\n```\n{CODE * 30}```\n\nThat was it.").keep
    assert DEFAULT.judge(f"{PROSE}\n\n{CODE * 30}\n\nThat was it.").reason == "loop"


@pytest.mark.parametrize("unit", ["ha", "one two", "again and again we went", "我们走了很远的路"])
def test_a_loop_anywhere_is_found(unit):
    numbered = " ".join(f"word{n}" for n in range(400))
    looping = f"{numbered}. {(unit + ' ') * 30}{numbered.replace('word', 'term')}."
    assert DEFAULT.judge(looping).reason == "loop"


def test_a_short_exclamation_is_no_loop():
    assert DEFAULT.judge(f"{PROSE} No, no, no, no! {MORE}").keep


def test_repetition_is_a_share_of_the_text():
    refrain = "we sang the old song of the mill until the morning came"
    filler = [" ".join(f"w{n}x{i}" for i in range(100)) for n in range(12)]
    seldom = ". ".join([refrain, *filler, refrain]) + "."
    often = ". ".join(f"{part} {refrain}" for part in filler)
    assert DEFAULT.judge(seldom).keep
    assert DEFAULT.judge(f"{often}.").keep
    assert DefaultProfile(max_repeated_share=0.05).judge(f"{often}.").reason == "repetition"


@given(st.text(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_text_gets_a_verdict(text):
    verdict = DEFAULT.judge(text, Circumstances(instruction=text))
    assert verdict.keep == (verdict.reason is None)
