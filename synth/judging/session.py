"""A judge goes through the answers of all subjects, and again from where it was."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.contract.judged.comparison import Comparison
from selflengthen.contract.judged.rating import Rating
from selflengthen.contract.judged.report import JudgedQuality, JudgeReport
from selflengthen.errors import ConfigError, DirectoryError
from selflengthen.files.atomic_file import write_json, write_json_lines
from selflengthen.tasks import together
from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.base import Engine
from synth.engine.journal import CohortJournal, JournallingEngine
from synth.engine.start import PreparedEngine, prepare_engine, running_engine
from synth.eval.sitting import completed
from synth.eval.subjects import BASE
from synth.judging import comparing, rating
from synth.judging.comparing import Pair, paired
from synth.judging.directory import JudgedDirectory, read_complete
from synth.judging.judge import Judge, prompts_digest, texts_digest
from synth.judging.summary import quality_of
from synth.run.session import announcing, held

_MAX_EXAMPLE_CHARS = 80


@dataclass(frozen=True, slots=True)
class JudgingSession:
    """A judge, what it judges, and where that is written; nothing was written or started yet."""

    judge: Judge
    answers: Mapping[str, Sequence[EvalAnswer]]
    """Of all subjects."""
    directory: JudgedDirectory
    resolved: dict[str, Any]
    """What the judge's words depend on, as `config.json` holds it."""
    warnings: tuple[str, ...]

    def check(self) -> None:
        """Check that what is there is of this judge and of these answers, and of use.

        Raises: DirectoryError: of others.
        Raises: ConfigError: all ratings are there, and none could be read.
        """
        self.directory.check(self.resolved)
        for subject, answers in self.answers.items():
            expected = {one.id: rating.judged_digest(one) for one in answers}
            _check_rows(Rating, self.directory.ratings(subject), expected)
        for subject, pairs in self._pairs().items():
            expected = {pair[0].id: comparing.judged_digest(pair) for pair in pairs}
            _check_rows(Comparison, self.directory.comparisons(subject), expected)
        if not self._unrated():
            self._refuse_unreadable()

    def run(self) -> JudgeReport | None:
        """Let the judge say what it has not said yet; None if it was interrupted.

        Raises: ConfigError, DirectoryError: nothing was started, or no rating could be read.
        Raises: EngineError: the engine failed; what was finished is kept.
        """
        is_waiting = bool(self._unrated() or self._uncompared())
        engine = prepare_engine(self.judge.spec()) if is_waiting else None
        with held(self.directory, self.resolved, self.directory.engine_log) as terminal:
            return asyncio.run(self._run(engine, Console(file=terminal)))

    async def run_on(self, engine: Engine | None) -> JudgeReport | None:
        """Do so on an engine that is ready; None: everything was said."""
        if engine is not None and not await completed(self._judge_all(AdmittingEngine(engine))):
            return None
        return await asyncio.to_thread(self._sum_up)

    async def _run(self, prepared: PreparedEngine | None, console: Console) -> JudgeReport | None:
        if prepared is None:
            return await self.run_on(None)
        announce = announcing(console)
        async with running_engine(prepared, self.directory.engine_log, announce) as engine:
            return await self.run_on(engine)

    async def _judge_all(self, engine: Engine) -> None:
        await together(self._rate_all(subject, engine) for subject in self._unrated())
        self._refuse_unreadable()
        pairs = self._pairs()
        await together(
            self._compare_all(subject, pairs[subject], engine) for subject in self._uncompared()
        )

    async def _rate_all(self, subject: str, engine: Engine) -> None:
        answers, path = self.answers[subject], self.directory.ratings(subject)
        digest = texts_digest(*map(rating.judged_digest, answers))
        with CohortJournal(self.directory.journal(path, digest)) as journal:
            remembering = JournallingEngine(engine, journal)
            rows = await together(rating.rate(one, self.judge, remembering) for one in answers)
            await asyncio.to_thread(write_json_lines, path, rows)
            journal.discard()

    async def _compare_all(self, subject: str, pairs: Sequence[Pair], engine: Engine) -> None:
        path = self.directory.comparisons(subject)
        digest = texts_digest(*map(comparing.judged_digest, pairs))
        with CohortJournal(self.directory.journal(path, digest)) as journal:
            remembering = JournallingEngine(engine, journal)
            rows = await together(
                comparing.compare(pair, self.judge, remembering) for pair in pairs
            )
            await asyncio.to_thread(write_json_lines, path, rows)
            journal.discard()

    def _pairs(self) -> dict[str, list[Pair]]:
        """Pair the answers of every other subject with the base's, if it has any."""
        base = self.answers.get(BASE)
        others = {name: found for name, found in self.answers.items() if name != BASE and base}
        return {name: paired(found, base or ()) for name, found in others.items()}

    def _unrated(self) -> list[str]:
        return [name for name in self.answers if not self.directory.ratings(name).exists()]

    def _uncompared(self) -> list[str]:
        return [name for name in self._pairs() if not self.directory.comparisons(name).exists()]

    def _refuse_unreadable(self) -> None:
        """Refuse a judge that was asked for ratings and gave not one that can be read."""
        paths = map(self.directory.ratings, self.answers)
        asked = [row for path in paths for row in read_complete(Rating, path) if row.attempts]
        if asked and not any(row.scores for row in asked):
            example = asked[0]
            said = (example.said or "")[:_MAX_EXAMPLE_CHARS]
            raise ConfigError(
                f"eval.judge.model: {self.judge.config.model.name} gave not one readable rating of "
                f"{len(asked)}; e.g. of {example.id} ({example.reason}): {said!r}; take another "
                f"judge, or delete {self.directory.folder} and change eval.judge"
            )

    def _sum_up(self) -> JudgeReport:
        report = JudgeReport(
            judge=self.judge.config.model.name,
            revision=self.judge.config.model.revision,
            prompts_sha256=prompts_digest(),
            warnings=self.warnings,
            subjects={subject: self._quality(subject) for subject in self.answers},
        )
        write_json(self.directory.report, report)
        return report

    def _quality(self, subject: str) -> JudgedQuality:
        ratings = read_complete(Rating, self.directory.ratings(subject))
        compared = self.directory.comparisons(subject) if subject in self._pairs() else None
        return quality_of(
            self.answers[subject][0].adapter,
            ratings,
            read_complete(Comparison, compared) if compared else None,
        )


def _check_rows(
    kind: type[Rating] | type[Comparison], path: Path, expected: Mapping[str, str]
) -> None:
    """Check that a file, if it is there, is of the answers with these digests."""
    found = {row.id: row.judged_sha256 for row in read_complete(kind, path)}
    if path.exists() and found != expected:
        raise DirectoryError(f"{path}: of other answers than those that are there now; delete it")
