"""The base model as a judge: of instructions, and where configured of responses."""

from dataclasses import replace

from synth.engine.base import Completion, Request
from synth.method.prompts.prompt_set import Wording
from synth.method.recipe import CohortContext, Judged, Prompt, failure_of
from synth.method.stages import Stage


async def objection_to_instruction(
    proposal: Request, text: str, context: CohortContext
) -> str | None:
    """Return why the judge drops a proposal, or None."""
    prompts, expand = context.recipe.prompts, context.recipe.config.expand
    request, completion = await _ask(proposal, Stage.JUDGE, prompts.judge(text), context)
    if reason := failure_of(completion):
        context.book.write_down(request, completion, reason, text)
        return reason
    context.book.keep(request, completion)
    is_suitable = _probability_of_yes(completion, prompts.wording) >= expand.min_suitability
    return None if is_suitable else "judged_unsuitable"


async def judge_response(
    request: Request, completion: Completion, instruction: str, text: str, context: CohortContext
) -> Judged:
    """Ask the filter, and then the base model, whose doubts lower the score.

    A text that the base model cannot read, for it is too long, keeps its score.

    Args:
        request: Whose completion the text comes from.
    """
    recipe, book = context.recipe, context.book
    judged = await recipe.judge(instruction, completion, text)
    if judged.score is None or not recipe.config.judge.response:
        return judged
    prompt = recipe.prompts.rate(instruction, text)
    asked, answer = await _ask(request, Stage.RATE, prompt, context)
    book.keep(asked, answer)
    if failure_of(answer):
        return judged
    probability = _probability_of_yes(answer, recipe.prompts.wording)
    return replace(judged, score=round(judged.score * probability, 4))


async def _ask(
    about: Request, stage: Stage, user: str, context: CohortContext
) -> tuple[Request, Completion]:
    """Let the base model choose between yes and no."""
    request = context.recipe.request(
        Prompt(
            f"{about.id}/{stage}",
            stage,
            about.affinity,
            user=user,
            choices=context.recipe.prompts.wording.answers,
        )
    )
    return request, await context.engine.generate(request)


def _probability_of_yes(completion: Completion, wording: Wording) -> float:
    """Return the probability of yes; where the engine tells none, the answer decides."""
    says_yes = _bare(completion.text) == _bare(wording.answer_yes)
    probability = 1.0 if completion.probability is None else completion.probability
    return probability if says_yes else 1.0 - probability


def _bare(text: str) -> str:
    """Read `Yes.` and ` yes` as `yes`."""
    return text.strip().strip(".,!。！，\"'*").casefold()
