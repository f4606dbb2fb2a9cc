"""`synth eval`: subjects answer a suite, and the measures of what they wrote."""

from collections.abc import Sequence

from selflengthen.chat.template_date import as_input
from selflengthen.contract.eval_answer import EvalAnswer
from selflengthen.contract.evaluation import Evaluation
from selflengthen.resolved_config import resolve
from selflengthen.settings import Settings
from synth.config import RunConfig
from synth.decoding import DecodingConfig
from synth.engine.config import EngineConfig, ModelConfig
from synth.eval.directory import ExamDirectory
from synth.eval.length_exam import LengthExam
from synth.eval.serving import Serving
from synth.eval.sitting import Sitting
from synth.eval.subjects import find_subjects
from synth.eval.suite import load_suite
from synth.eval_config import EvalConfig
from synth.run.directory import RunDirectory
from synth.run.prepare import BINDING_OF_ENGINE, PACKAGES, template_day


class _Decisive(Settings):
    """What answers depend on."""

    seed: int
    model: ModelConfig
    engine: EngineConfig
    eval: EvalConfig
    decoding: DecodingConfig
    max_completion_tokens: int


_FREE = {
    "engine": EngineConfig.model_fields.keys() - BINDING_OF_ENGINE,
    "eval": {"judge"},
}


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
    settings = _decisive(config)
    adapters = [subject.adapter for subject in subjects if subject.adapter]
    today = template_day(config, directory.config, adapters)
    serving = Serving(
        model=config.model,
        engine=config.engine,
        decoding=settings.decoding,
        max_completion_tokens=settings.max_completion_tokens,
        seed=config.seed,
        today=today,
    )
    inputs = {"suite_sha256": suite.digest, **as_input(today)}
    resolved = resolve(settings, inputs, PACKAGES, free=_FREE)
    exam = LengthExam(suite, config.eval.answers, serving)
    sitting = Sitting(exam, subjects, directory, resolved)
    sitting.check()
    return sitting


def _decisive(config: RunConfig) -> _Decisive:
    """Take what is not set from the held-out answers', then the initial responses' settings."""
    own, held_out, generate = config.eval, config.held_out, config.generate
    return _Decisive(
        seed=config.seed,
        model=config.model,
        engine=config.engine,
        eval=own,
        decoding=own.decoding or held_out.decoding or generate.decoding or config.decoding,
        max_completion_tokens=own.max_completion_tokens
        or held_out.max_completion_tokens
        or generate.max_completion_tokens,
    )
