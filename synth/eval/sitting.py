"""Subjects sit an exam: on one engine, side by side, and again from where they were."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from rich.console import Console

from selflengthen.contract.exam.answer import ExamAnswer
from selflengthen.errors import DirectoryError
from selflengthen.files.atomic_file import write_json_lines
from selflengthen.process.signals import cancel_on_signal
from selflengthen.tasks import first_error
from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.base import Engine, EngineSpec
from synth.engine.journal import CohortJournal, JournallingEngine
from synth.engine.start import PreparedEngine, prepare_engine, running_engine
from synth.eval.directory import ExamDirectory
from synth.eval.subjects import Subject
from synth.run.session import announcing, held

A = TypeVar("A", bound=ExamAnswer)
R = TypeVar("R")


class Exam(ABC, Generic[A, R]):
    """What is asked, and what answers show."""

    kind: type[A]
    """Of the answers."""

    @abstractmethod
    def spec(self, subjects: Sequence[Subject]) -> EngineSpec:
        """Return what an engine for these subjects is started for."""

    @abstractmethod
    async def answer(self, subject: Subject, engine: Engine) -> Sequence[A]:
        """Answer everything.

        Raises: ExceptionGroup: the engine is gone.
        """

    @abstractmethod
    def sum_up(self, answers: Mapping[str, Sequence[A]], folder: Path) -> R:
        """Measure the answers of all subjects, and write down what they show."""


async def completed(work: Coroutine[Any, Any, None]) -> bool:
    """Let work come to its end; False: Ctrl-C or SIGTERM ended it.

    Raises: EngineError: the engine is gone; the first of what was raised side by side.
    """
    working = asyncio.create_task(work)
    interrupted = cancel_on_signal(working)
    try:
        await working
    except ExceptionGroup as errors:
        raise first_error(errors) from None
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
        return False
    return True


@dataclass(frozen=True, slots=True)
class Sitting(Generic[A, R]):
    """An exam, who sits it, and where it is written down; nothing was written or started yet."""

    exam: Exam[A, R]
    subjects: Sequence[Subject]
    directory: ExamDirectory
    resolved: dict[str, Any]
    """What answers depend on, as `config.json` holds it."""

    def check(self) -> None:
        """Check that answers which are there are of this exam and of the same adapters.

        Raises: DirectoryError: of another one.
        """
        self.directory.check(self.resolved)
        for subject in self.subjects:
            answers = self.directory.read_answers(self.exam.kind, subject.name)
            if answers and answers[0].adapter != subject.digest:
                raise DirectoryError(
                    f"{self.directory.answers(subject.name)}: answers of another adapter; delete "
                    "it, or use another name or directory"
                )

    def run(self) -> R | None:
        """Let all answer what is left; None if it was interrupted.

        Raises: ConfigError, DirectoryError: nothing was started or written.
        Raises: EngineError: the engine failed; answers that were finished are kept.
        """
        waiting, directory = self._waiting(), self.directory
        engine = prepare_engine(self.exam.spec(waiting)) if waiting else None
        with held(directory, self.resolved, directory.engine_log) as terminal:
            return asyncio.run(self._run(engine, Console(file=terminal)))

    async def run_on(self, engine: Engine | None) -> R | None:
        """Do so on an engine that is ready; None: all answers are there."""
        if engine is not None and not await completed(self._answer_all(AdmittingEngine(engine))):
            return None
        return await asyncio.to_thread(self._sum_up)

    async def _run(self, prepared: PreparedEngine | None, console: Console) -> R | None:
        if prepared is None:
            return await self.run_on(None)
        announce = announcing(console)
        async with running_engine(prepared, self.directory.engine_log, announce) as engine:
            return await self.run_on(engine)

    async def _answer_all(self, engine: Engine) -> None:
        async with asyncio.TaskGroup() as tasks:
            for subject in self._waiting():
                tasks.create_task(self._answer(subject, engine))

    async def _answer(self, subject: Subject, engine: Engine) -> None:
        with CohortJournal(self.directory.journal(subject.name, subject.digest)) as journal:
            answers = await self.exam.answer(subject, JournallingEngine(engine, journal))
            path = self.directory.answers(subject.name)
            await asyncio.to_thread(write_json_lines, path, answers)
            journal.discard()

    def _waiting(self) -> list[Subject]:
        """Return the subjects that have not answered everything."""
        return [one for one in self.subjects if not self.directory.answers(one.name).exists()]

    def _sum_up(self) -> R:
        names = self.directory.subjects()
        answers = {name: self.directory.read_answers(self.exam.kind, name) for name in names}
        return self.exam.sum_up(answers, self.directory.folder)
