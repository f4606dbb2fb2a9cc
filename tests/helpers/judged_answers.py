"""Answers of an evaluation, and judges that say what a script says."""

import asyncio
import json
from dataclasses import replace

from filters.text.words import count_words
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import SMALL, small_config
from selflengthen.contract.base import TokenCounts
from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.contract.final_row import DemandPart
from selflengthen.files.atomic_file import write_json_lines
from selflengthen.files.json_file import read_rows
from synth.eval.directory import ExamDirectory
from synth.judging.prepare import prepare_judging
from synth.judging.rating import DIMENSIONS

QUERIES = (
    "Write about bees in 100 words.",
    "写一篇关于茶的文章，100字。",
    "Write about {{ tea }}.",
)
EVEN = dict.fromkeys(DIMENSIONS, 3)
READABLE = json.dumps(EVEN)


class ChoosingEngine(ScriptedEngine):
    """Tells how likely a choice was."""

    async def generate(self, request, new_watch=None):
        completion = await super().generate(request, new_watch)
        return replace(completion, probability=0.75) if request.choices else completion


def scores(*values):
    return json.dumps(dict(zip(DIMENSIONS, values, strict=True)))


def rating_all(text, choose=lambda _first, _second: "A"):
    """Return a judge that says this of every answer, and chooses by the two texts."""

    def judge(request):
        if not request.choices:
            return Answer(text(request) if callable(text) else text)
        return Answer(choose(*texts_shown(request)))

    return judge


def texts_shown(request):
    first = request.user.partition("<text_a>\n")[2].partition("\n</text_a>")[0]
    second = request.user.partition("<text_b>\n")[2].partition("\n</text_b>")[0]
    assert first
    assert second
    return first, second


def prefer(word):
    """Choose the text that has a word, else the one shown first."""
    return lambda first, second: "B" if word in second and word not in first else "A"


def write_answers(folder, subject, texts, copies=2, failed=()):
    """Write a subject's answers: to request N, the N-th text of each copy."""
    rows = [
        answer_of(subject, number, copy, text.format(copy=copy), has_failed=number in failed)
        for number, text in enumerate(texts)
        for copy in range(copies)
    ]
    write_json_lines(ExamDirectory(folder).answers(subject), rows)


def answer_of(subject, number, copy, text, has_failed=False):
    return EvalAnswer(
        id=f"{subject}-{number:05d}-r{copy}",
        subject=subject,
        adapter=None if subject == "base" else "0" * 64,
        response="" if has_failed else text,
        num_words=count_words(text),
        finish_reason="error" if has_failed else "stop",
        tokens=TokenCounts(prompt=1, cached=0, generated=1),
        query=QUERIES[number],
        demand=DemandPart(kind="about", low=100, high=100),
        task_kind="essay",
        language="en",
        length_score=0.0,
        length_quality=0.0,
        fault=None,
    )


def settings(name="test/judge-8b", **changes):
    judge = {"model": {"name": name}, "engine": SMALL["engine"], **changes}
    return small_config(eval={"judge": judge})


def judge_on(folder, engine, config=None):
    session = prepare_judging(config or settings(), ExamDirectory(folder))
    with session.directory.locked():
        session.directory.claim(session.resolved)
        return asyncio.run(session.run_on(engine))


def judged_rows(folder, kind, name):
    return list(read_rows(kind, folder / "judged" / "test-judge-8b" / f"{name}.jsonl"))
