"""`synth guard`: how far adapters are from the base model in ordinary use."""

from collections.abc import Sequence

from selflengthen.chat.template_date import as_input
from selflengthen.contract.guard_answer import GuardAnswer
from selflengthen.contract.guard_report import GuardReport
from selflengthen.errors import ConfigError
from selflengthen.resolved_config import resolve
from selflengthen.settings import Settings
from synth.config import RunConfig
from synth.decoding import DecodingConfig
from synth.engine.config import EngineConfig, ModelConfig
from synth.eval.directory import ExamDirectory
from synth.eval.guard_exam import GuardExam
from synth.eval.serving import Serving
from synth.eval.short_prompts import load_prompts
from synth.eval.sitting import Sitting
from synth.eval.subjects import BASE, find_subjects
from synth.eval_config import GuardConfig
from synth.run.directory import RunDirectory
from synth.run.prepare import PACKAGES, free_of_engine, template_day, undecided_of_engine


class _Decisive(Settings):
    """What answers depend on."""

    seed: int
    model: ModelConfig
    engine: EngineConfig
    guard: GuardConfig


_LIMITS = {"max_kl", "max_growth"}


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
    prompts = load_prompts(config.guard)
    others = [name for name in names if name != BASE]
    subjects = find_subjects([BASE, *others], run, config.model.name)
    adapters = [subject.adapter for subject in subjects if subject.adapter]
    today = template_day(config, directory.config, adapters)
    serving = Serving(
        model=config.model,
        engine=config.engine,
        decoding=DecodingConfig().neutral(),
        max_completion_tokens=config.guard.max_completion_tokens,
        seed=config.seed,
        today=today,
    )
    settings = _Decisive(
        seed=config.seed, model=config.model, engine=config.engine, guard=config.guard
    )
    inputs = {"prompts_sha256": prompts.digest, **as_input(today)}
    resolved = resolve(
        settings,
        inputs,
        PACKAGES,
        free={"guard": _LIMITS, "engine": free_of_engine(config.engine)},
        undecided={"guard": _LIMITS, "engine": undecided_of_engine(config.engine)},
    )
    sitting = Sitting(GuardExam(prompts, config.guard, serving), subjects, directory, resolved)
    sitting.check()
    return sitting
