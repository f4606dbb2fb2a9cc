"""The exam of `synth eval`: requests that ask for a length."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filters.length_score import length_quality
from filters.text.words import count_words
from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.contract.exam.evaluation import Evaluation
from selflengthen.contract.final_row import DemandPart
from selflengthen.files.atomic_file import write_json
from selflengthen.packages import is_installed
from selflengthen.tasks import together
from synth.engine.base import Completion, Engine, EngineSpec, FinishReason
from synth.eval.serving import Serving, token_counts
from synth.eval.sitting import Exam
from synth.eval.subjects import Subject
from synth.eval.suite import Suite, Task
from synth.eval.summary import evaluation_of
from synth.method.books.quality import structural_fault

SUMMARY = "eval.json"
PICTURE = "lengths.png"


@dataclass(frozen=True)
class LengthExam(Exam[EvalAnswer, Evaluation]):
    """A suite, and how it is answered."""

    suite: Suite
    answers: int
    """To each request."""
    serving: Serving
    kind = EvalAnswer

    def spec(self, subjects: Sequence[Subject]) -> EngineSpec:
        """Return what an engine for these subjects is started for."""
        return self.serving.spec(subjects)

    async def answer(self, subject: Subject, engine: Engine) -> list[EvalAnswer]:
        """Answer all requests, in their order; every answer is taken as it is."""
        return await together(
            self._answer(subject, number, copy, engine)
            for number in range(len(self.suite.tasks))
            for copy in range(self.answers)
        )

    def sum_up(self, answers: Mapping[str, Sequence[EvalAnswer]], folder: Path) -> Evaluation:
        """Measure the answers; draw them where matplotlib is installed."""
        evaluation = evaluation_of(self.suite, answers)
        write_json(folder / SUMMARY, evaluation)
        if is_installed("matplotlib"):
            from synth.eval.picture import draw_lengths

            draw_lengths(answers, folder / PICTURE)
        return evaluation

    async def _answer(self, subject: Subject, number: int, copy: int, engine: Engine) -> EvalAnswer:
        task = self.suite.tasks[number]
        request = self.serving.request(subject, f"{number:05d}-r{copy}", task.query, number)
        completion = await engine.generate(request)
        return await asyncio.to_thread(_judged, request.id, subject, task, completion)


def _judged(answer_id: str, subject: Subject, task: Task, completion: Completion) -> EvalAnswer:
    demand, num_words = task.demand, count_words(completion.text)
    has_failed = completion.finish_reason is FinishReason.ERROR
    return EvalAnswer(
        id=answer_id,
        subject=subject.name,
        adapter=subject.digest,
        response=completion.text,
        num_words=num_words,
        finish_reason=completion.finish_reason.value,
        tokens=token_counts(completion),
        query=task.query,
        demand=DemandPart(kind=demand.kind.value, low=demand.low, high=demand.high),
        task_kind=task.kind,
        language=task.language,
        length_score=0.0 if has_failed else 100 * demand.lengths.score(num_words),
        length_quality=0.0 if has_failed else length_quality(demand.middle, num_words),
        fault=None if has_failed else structural_fault(task.query, completion.text),
    )
