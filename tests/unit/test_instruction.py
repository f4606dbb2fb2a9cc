"""Which instructions are tasks for a writer, and of what kind."""

import math
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from filters.instruction import WRITTEN_KINDS, kind_of, objection_to_task
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import run_scripted, small_config
from selflengthen.contract.metrics import Metrics
from selflengthen.files.json_file import read_as
from synth.engine.chat import probability_of
from synth.method.seeds.seed_file import load_held_out, load_seeds
from synth.method.stages import Stage
from writer import words, write

TASKS = [
    "Write a detective story that is set on a ferry in winter.",
    "Create a comprehensive manual for volunteers of a mountain rescue team.",
    "For readers aged about ten, invent an adventure with two cousins and a clock.",
    "How did cheap printing change the daily life of a small town, and who lost by it?",
    "Can you draft a speech for the opening of a rebuilt library?",
    "写一篇关于渡口的散文。",
    "请为社区图书馆准备一份年度报告。",
    "写一篇2000字的作文。",
    "写一篇1,200字的游记。",
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
    ("写一篇400字的作文。", "asks_for_short"),
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


def suitability(*, answer, probability, **expand):
    """Run on an engine whose judge is so sure of one answer; return how many were accepted."""

    class SureJudge(ScriptedEngine):
        async def generate(self, asked, new_watch=None):
            completion = await super().generate(asked, new_watch)
            if asked.kind is not Stage.JUDGE:
                return completion
            return replace(completion, text=answer, probability=probability)

    config = small_config(num_instructions=4, expand={"attempts": 2, **expand})
    with TemporaryDirectory() as folder:
        files, _ = run_scripted(Path(folder) / "out", config, SureJudge(write))
        return read_as(Metrics, files.metrics, "").samples.instructions


@pytest.mark.parametrize(
    ("answer", "probability", "least", "is_kept"),
    [
        ("Yes", 0.8, 0.5, True),
        ("Yes", 0.8, 0.9, False),
        ("Yes.", None, 1.0, True),
        ("No", 0.8, 0.5, False),
        ("No", 0.8, 0.1, True),
        ("No", None, 0.1, False),
    ],
)
def test_the_judge_s_probability_has_a_threshold(answer, probability, least, is_kept):
    accepted = suitability(answer=answer, probability=probability, min_suitability=least)
    assert (accepted > 0) is is_kept


def test_a_model_is_as_sure_as_its_log_probabilities_say():
    found = {5: math.log(0.3), 6: math.log(0.1), 7: math.log(0.5)}
    assert probability_of(5, (5, 6), found) == pytest.approx(0.75)
    assert probability_of(5, (5, 8), found) is None


def test_balanced_instructions_cover_the_kinds(tmp_path):
    def imitate(asked):
        if asked.kind is not Stage.EXPAND:
            return write(asked)
        rng = random.Random(asked.id)
        shown = list(map(kind_of, re.findall(r"Instruction \d+: (.+)", asked.prefill)))
        kind = "essay" if "essay" in shown else rng.choice(shown)
        noun = "portrait" if kind == "feature" else kind
        return Answer(f" Write a {noun} on {words(rng, 14)}.")

    kinds = {}
    for balance in (False, True):
        config = small_config(num_instructions=21, expand={"attempts": 8, "balance": balance})
        files, _ = run_scripted(tmp_path / str(balance), config, ScriptedEngine(imitate))
        asked = {record.instruction_id: record.task_kind for record in files.read_records()}
        kinds[balance] = Counter(asked.values())
    assert set(kinds[True]) == set(WRITTEN_KINDS)
    assert kinds[True]["essay"] <= 4 < kinds[False]["essay"]
