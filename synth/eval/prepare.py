"""Everything that can be wrong with an exam, checked before anything is written or started."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from selflengthen.chat.template_date import as_input
from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.contract.exam.evaluation import Evaluation
from selflengthen.contract.exam.guard_answer import GuardAnswer
from selflengthen.contract.exam.guard_report import GuardReport
from selflengthen.errors import ConfigError
from selflengthen.resolved_config import resolve
from selflengthen.settings import Settings
from synth.config import RunConfig
from synth.decoding import DecodingConfig
from synth.engine.config import EngineConfig, ModelConfig
from synth.eval.directory import ExamDirectory
from synth.eval.guard_exam import GuardExam
from synth.eval.known_tasks import check_tasks
from synth.eval.length_exam import LengthExam
from synth.eval.serving import Serving
from synth.eval.short_prompts import load_prompts
from synth.eval.sitting import Sitting
from synth.eval.subjects import BASE, Subject, find_subjects
from synth.eval.suite import load_suite
from synth.eval_config import EvalConfig, GuardConfig
from synth.run.directory import RunDirectory
from synth.run.prepare import PACKAGES, free_of_engine, template_day, undecided_of_engine


class _Decisive(Settings):
    """What answers depend on."""

    seed: int
    model: ModelConfig
    engine: EngineConfig


class _OfEval(_Decisive):
    eval: EvalConfig
    decoding: DecodingConfig
    max_completion_tokens: int


class _OfGuard(_Decisive):
    guard: GuardConfig


# Answers do not depend on them.
_FREE_OF_EVAL = {"judge"}
_FREE_OF_GUARD = {"max_kl", "max_growth", "tasks", "tasks_limit", "tasks_path"}


def prepare_eval(
    config: RunConfig, names: Sequence[str], run: RunDirectory | None, directory: ExamDirectory
) -> Sitting[EvalAnswer, Evaluation]:
    """Load the suite, find the subjects, and resolve what answers depend on.

    Args:
        names: Of the subjects, see `find_subjects`.
        run: The loop's directory, for those that it trained.

    Raises: CommandError: what is wrong with the input.
    """
    suite = load_suite(config.eval)
    subjects = find_subjects(names, run, config.model.name)
    today = _day(config, directory, subjects)
    settings = _of_eval(config)
    serving = _serving(config, settings.decoding, settings.max_completion_tokens, today)
    inputs = {"suite_sha256": suite.digest, **as_input(today)}
    exam = LengthExam(suite, config.eval.answers, serving)
    sitting = Sitting(exam, subjects, directory, _resolved(settings, inputs, eval=_FREE_OF_EVAL))
    sitting.check()
    return sitting


def prepare_guard(
    config: RunConfig, names: Sequence[str], run: RunDirectory | None, directory: ExamDirectory
) -> Sitting[GuardAnswer, GuardReport]:
    """Load the prompts, find the subjects, the base among them, and resolve what answers depend on.

    Args:
        names: Of the subjects, see `find_subjects`.
        run: The loop's directory, for those that it trained.

    Raises: CommandError: what is wrong with the input.
    """
    if config.engine.kind != "vllm":
        raise ConfigError(
            f"engine.kind: {config.engine.kind}; synth guard needs log probabilities of prompts, "
            "use vllm"
        )
    check_tasks(config.guard)
    prompts = load_prompts(config.guard)
    others = [name for name in names if name != BASE]
    subjects = find_subjects([BASE, *others], run, config.model.name)
    today = _day(config, directory, subjects)
    own_probabilities = DecodingConfig().neutral()
    serving = _serving(config, own_probabilities, config.guard.max_completion_tokens, today)
    settings = _OfGuard(
        seed=config.seed, model=config.model, engine=config.engine, guard=config.guard
    )
    inputs = {"prompts_sha256": prompts.digest, **as_input(today)}
    resolved = _resolved(settings, inputs, guard=_FREE_OF_GUARD)
    sitting = Sitting(GuardExam(prompts, config.guard, serving), subjects, directory, resolved)
    sitting.check()
    return sitting


def _of_eval(config: RunConfig) -> _OfEval:
    """Take what is not set from the held-out answers', then the initial responses' settings."""
    own, held_out, generate = config.eval, config.held_out, config.generate
    return _OfEval(
        seed=config.seed,
        model=config.model,
        engine=config.engine,
        eval=own,
        decoding=own.decoding or held_out.decoding or generate.decoding or config.decoding,
        max_completion_tokens=own.max_completion_tokens
        or held_out.max_completion_tokens
        or generate.max_completion_tokens,
    )


def _day(config: RunConfig, directory: ExamDirectory, subjects: Iterable[Subject]) -> date | None:
    adapters = [subject.adapter for subject in subjects if subject.adapter]
    return template_day(config, directory.config, adapters)


def _serving(
    config: RunConfig, decoding: DecodingConfig, max_tokens: int, today: date | None
) -> Serving:
    return Serving(
        model=config.model,
        engine=config.engine,
        decoding=decoding,
        max_completion_tokens=max_tokens,
        seed=config.seed,
        today=today,
    )


def _resolved(settings: _Decisive, inputs: dict[str, Any], **free: set[str]) -> dict[str, Any]:
    engine = settings.engine
    return resolve(
        settings,
        inputs,
        PACKAGES,
        free={**free, "engine": free_of_engine(engine)},
        undecided={**free, "engine": undecided_of_engine(engine)},
    )
