"""The exam of `synth guard`: short prompts, and how likely the answers are to the base model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filters.text.words import count_words
from selflengthen.contract.exam.guard_answer import GuardAnswer
from selflengthen.contract.exam.guard_report import GuardReport
from selflengthen.files.atomic_file import write_json
from selflengthen.tasks import together
from synth.engine.base import Completion, Engine, EngineSpec, FinishReason, Request
from synth.eval.drift import drift_of
from synth.eval.known_tasks import read_results
from synth.eval.serving import Serving, token_counts
from synth.eval.short_prompts import ShortPrompt, ShortPrompts
from synth.eval.sitting import Exam
from synth.eval.subjects import BASE, Subject
from synth.eval_config import GuardConfig

REPORT = "guard.json"


@dataclass(frozen=True)
class GuardExam(Exam[GuardAnswer, GuardReport]):
    """Short prompts, drawn from each model's own probabilities."""

    prompts: ShortPrompts
    limits: GuardConfig
    serving: Serving
    kind = GuardAnswer

    def spec(self, subjects: Sequence[Subject]) -> EngineSpec:
        """Return what an engine for these subjects is started for."""
        return self.serving.spec(subjects)

    async def answer(self, subject: Subject, engine: Engine) -> list[GuardAnswer]:
        """Answer all prompts, in their order."""
        return await together(
            self._answer(subject, number, prompt, engine)
            for number, prompt in enumerate(self.prompts.prompts)
        )

    def sum_up(self, answers: Mapping[str, Sequence[GuardAnswer]], folder: Path) -> GuardReport:
        """Compare every subject with the base."""
        base = answers.get(BASE, ())
        report = GuardReport(
            prompts=self.prompts.name,
            prompts_sha256=self.prompts.digest,
            subjects={
                name: drift_of(found, base, self.limits).model_copy(
                    update={"tasks": read_results(folder, name)}
                )
                for name, found in answers.items()
            },
        )
        write_json(folder / REPORT, report)
        return report

    async def _answer(
        self, subject: Subject, number: int, prompt: ShortPrompt, engine: Engine
    ) -> GuardAnswer:
        request = self.serving.request(subject, f"{number:05d}", prompt.text, number)
        completion = await engine.generate(request)
        own = base = _NOT_SCORED
        if subject.adapter is not None and completion.text.strip():
            own, base = await together(
                engine.generate(scored) for scored in _scored(request, completion.text)
            )
        return GuardAnswer(
            id=request.id,
            subject=subject.name,
            adapter=subject.digest,
            response=completion.text,
            num_words=count_words(completion.text),
            finish_reason=completion.finish_reason.value,
            tokens=token_counts(completion),
            prompt=prompt.text,
            task_kind=prompt.kind,
            language=prompt.language,
            num_scored_tokens=min(own.num_scored_tokens, base.num_scored_tokens),
            log_probability=own.log_probability,
            base_log_probability=base.log_probability,
        )


_NOT_SCORED = Completion("", FinishReason.STOP, 0, 0, 0)


def _scored(request: Request, answer: str) -> tuple[Request, Request]:
    """Return the requests for an answer's log probability, of the adapter and of the base."""
    own = replace(request, id=f"{request.id}-own", prefill=answer, is_scored=True)
    return own, replace(own, id=f"{request.id}-base", adapter=None)
