"""Which instructions are tasks for a writer, and of what kind."""

import pytest

from filters.instruction import kind_of, objection_to_task
from synth.method.seeds.seed_file import load_held_out, load_seeds

TASKS = [
    "Write a detective story that is set on a ferry in winter.",
    "Create a comprehensive manual for volunteers of a mountain rescue team.",
    "For readers aged about ten, invent an adventure with two cousins and a clock.",
    "How did cheap printing change the daily life of a small town, and who lost by it?",
    "Can you draft a speech for the opening of a rebuilt library?",
    "写一篇关于渡口的散文。",
    "请为社区图书馆准备一份年度报告。",
]
NO_TASKS = [
    ("A local band has made it their mission to publish a book about drums.", "no_task"),
    ("The company won a large contract and plans a new office.", "no_task"),
    ("An expert will explain how to build a bridge.", "no_task"),
    ("You are walking home from work.", "no_task"),
    ("Write a 100-word story about a stranger.", "asks_for_short"),
    ("Write a short note to your brother.", "asks_for_short"),
    ("Answer in two sentences: what is a mill?", "asks_for_short"),
    ("用一句话介绍你的家乡。", "asks_for_short"),
    ("Write a report on the", "broken_task"),
    ("Write a story with the following parts:", "broken_task"),
    ('Compose an essay called "The last ferry.', "broken_task"),
]


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_none_to_object_to(task):
    assert objection_to_task(task) is None


@pytest.mark.parametrize(("text", "reason"), NO_TASKS)
def test_what_is_no_task_has_its_reason(text, reason):
    assert objection_to_task(text) == reason


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hardly_a_seed_is_objected_to(language):
    seeds = load_seeds(language).instructions
    held_out = load_held_out(language, 16).instructions
    objected = [text for text in (*seeds, *held_out) if objection_to_task(text)]
    assert len(objected) <= 0.02 * len(seeds)


@pytest.mark.parametrize(
    ("instruction", "kind"),
    [
        ("Write a tale about a mill.", "story"),
        ("Write an opinion essay on ferries.", "essay"),
        ("Prepare a feasibility study for a new bridge.", "report"),
        ("Draft a wedding speech.", "speech"),
        ("Write a press release about a festival.", "feature"),
        ("Write a business plan for a bakery.", "proposal"),
        ("Write a handbook for beekeepers.", "guide"),
        ("写一篇小说，讲一座桥。", "story"),
        ("起草一份活动方案。", "proposal"),
        ("Describe the sea.", "other"),
    ],
)
def test_the_kind_is_the_one_that_is_named(instruction, kind):
    assert kind_of(instruction) == kind
