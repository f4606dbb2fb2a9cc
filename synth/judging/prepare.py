"""`synth judge`: everything that can be wrong with it, checked before anything is started."""

from collections.abc import Collection, Iterator

from selflengthen.adapter.base import is_same_base
from selflengthen.chat.template_date import as_input
from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.errors import ConfigError, DirectoryError
from selflengthen.resolved_config import resolve
from selflengthen.settings import Settings
from synth.config import RunConfig
from synth.eval.directory import ExamDirectory
from synth.eval.subjects import BASE
from synth.eval_config import EvalJudgeConfig
from synth.judging.directory import JudgedDirectory
from synth.judging.judge import Judge, prompts_digest
from synth.judging.session import JudgingSession
from synth.run.prepare import PACKAGES, free_of_engine, template_day, undecided_of_engine


class _Decisive(Settings):
    """What the judge's words depend on."""

    seed: int
    judge: EvalJudgeConfig


def prepare_judging(config: RunConfig, exam: ExamDirectory) -> JudgingSession:
    """Read the answers, and resolve what the judge's words depend on.

    Args:
        exam: Where `synth eval` wrote; nothing of it is changed.

    Raises: CommandError: what is wrong with the input.
    """
    own = config.eval.judge
    if own is None:
        raise ConfigError("eval.judge: missing; set eval.judge.model.name and eval.judge.engine")
    answers = {name: exam.read_answers(EvalAnswer, name) for name in exam.subjects()}
    answers = {name: found for name, found in answers.items() if found}
    if not answers:
        raise DirectoryError(
            f"--out {exam.folder}: no answers there; let `synth eval` write them first"
        )
    directory = JudgedDirectory.of(exam.folder, own.model.name)
    # As if the judge were the model of the configuration.
    today = template_day(config.model_copy(update={"model": own.model}), directory.config, ())
    resolved = resolve(
        _Decisive(seed=config.seed, judge=own),
        {"prompts_sha256": prompts_digest(), **as_input(today)},
        PACKAGES,
        free={"judge": {"engine": free_of_engine(own.engine)}},
        undecided={"judge": {"engine": undecided_of_engine(own.engine)}},
    )
    warnings = tuple(_warnings(own.model.name, _judged_models(config, exam), answers))
    session = JudgingSession(Judge(own, config.seed, today), answers, directory, resolved, warnings)
    session.check()
    return session


def _judged_models(config: RunConfig, exam: ExamDirectory) -> set[str]:
    """Return the names of the model that answered: as configured now, and as it was then."""
    written = exam.read_config().get("config", {}) if exam.is_begun() else {}
    then = written.get("model", {}).get("name", config.model.name)
    return {config.model.name, str(then)}


def _warnings(judge: str, judged: Collection[str], subjects: Collection[str]) -> Iterator[str]:
    same = sorted(name for name in judged if is_same_base(judge, name))
    if same:
        yield f"the judge, {judge}, is the model that is judged ({same[0]}); take another one"
    if BASE not in subjects:
        yield f"no answers of {BASE}: nothing is compared; `synth eval --subject {BASE}` gives them"
