"""Extension: the Extender rewrites a response longer, in micro-iterations of two stages.

Stage 1 rewrites the first half of the text; of what it wrote, the first two thirds (the head) begin
stage 2, which rewrites the whole text. The last third is dropped so that stage 2 goes on from the
middle of a thought instead of from an ending.

Source: Self-Lengthen (arXiv 2410.23933), section 3; `extend_response`, commit 004e880.
"""

from filters.rule import Circumstances
from filters.text.words import count_words
from synth.engine.base import Completion, Engine, Request, WatchCall
from synth.method.ahead.expecting import Rehearse
from synth.method.forms.draft import watch_head, watch_spliced
from synth.method.forms.text_form import Spliced
from synth.method.judge import judge_response
from synth.method.prompts.prompt_set import ExtensionTask
from synth.method.recipe import CohortContext, Prompt, failure_of
from synth.method.sample import Exchange, ExtendedResponse, InitialResponse, MicroIteration
from synth.method.stages import Stage


class Extension:
    """One try to extend one initial response; its text never gets shorter."""

    def __init__(
        self, try_id: str, attempt: int, initial: InitialResponse, context: CohortContext
    ) -> None:
        self._id = try_id
        self._attempt = attempt
        self._initial = initial
        self._context = context
        self._recipe = context.recipe
        self._engine = context.engine
        self._book = context.book
        self.text = initial.text
        self.score = initial.score
        self.micro_iterations: list[MicroIteration] = []
        self.exchanges: list[Exchange] = []

    @property
    def grew(self) -> bool:
        """Whether the text exceeds the initial response by the configured multiple."""
        min_words = self._recipe.config.extend.min_growth * self._initial.num_words
        return count_words(self.text) > min_words

    async def run_micro_iteration(self) -> None:
        """Run both stages; the candidate becomes the text if it passes and is better."""
        exchanges, plan = await self._plan()
        outline = self._recipe.form.outline(self.text)
        prompts = self._recipe.prompts
        head_request = self._request(
            Stage.EXTEND_HEAD, prompts.extend_head(self._task(outline), plan)
        )
        self._book.verdicts.begin(head_request)
        head_completion = await self._engine.generate(head_request, self._watch_head)
        exchanges.append((head_request, head_completion))
        head = self._recipe.form.head(head_completion.text)
        reason = failure_of(head_completion) or await self._recipe.objection_to_head(
            self._initial.instruction.text, head
        )
        if reason:
            draft = head or head_completion.text
            self._drop(exchanges, MicroIteration(count_words(draft), reason), draft)
            return
        tail_request = self._request(
            Stage.EXTEND_TAIL, prompts.extend_tail(self._task(self.text), plan), prefill=head
        )
        self._book.verdicts.begin(tail_request)
        tail_completion = await self._engine.generate(tail_request, lambda: self._watch_tail(head))
        exchanges.append((tail_request, tail_completion))
        spliced = self._recipe.form.splice(head, tail_completion.text)
        candidate = self._recipe.profile.trim(spliced.text)
        step = await self._judge(tail_request, tail_completion, spliced, candidate)
        if step.reason is None:
            self._keep(exchanges, step, candidate)
        else:
            self._drop(exchanges, step, candidate)

    def reject(self) -> None:
        """Give the whole try up: what passed, if anything did, grew too little."""
        if not self.exchanges:
            return
        self._book.settle(self.exchanges, "too_little_growth")
        self._book.reject_text(self._id, Stage.EXTEND_TAIL, "too_little_growth", self.text)

    def _watch_head(self) -> WatchCall:
        profile = self._recipe.profile
        return watch_head(
            profile.watch(self._circumstances), self._recipe.form, profile.watch_draft()
        )

    def _watch_tail(self, head: str) -> WatchCall:
        watch = self._recipe.profile.watch(self._circumstances)
        return watch_spliced(watch, self._recipe.form, head)

    @property
    def _circumstances(self) -> Circumstances:
        return self._recipe.circumstances(self._initial.instruction.text)

    async def _plan(self) -> tuple[list[tuple[Request, Completion]], str]:
        """Ask for a plan, where configured; one that fails is none."""
        if not self._recipe.config.extend.plan:
            return [], ""
        user = self._recipe.prompts.plan(self._task(self.text))
        request = self._request(Stage.PLAN, user)
        completion = await self._engine.generate(request)
        return [(request, completion)], completion.text.strip()

    def _task(self, text: str) -> ExtensionTask:
        growth = self._recipe.config.extend.target_growth
        return ExtensionTask(self._initial.instruction.text, text, growth)

    def _request(self, stage: Stage, user: str, prefill: str = "") -> Request:
        return self._recipe.request(
            Prompt(
                f"{self._id}/{stage}-{len(self.micro_iterations)}",
                stage,
                self._initial.instruction.slot.sequence,
                user=user,
                prefill=prefill,
                attempt=self._attempt,
            )
        )

    async def _judge(
        self, request: Request, completion: Completion, spliced: Spliced, candidate: str
    ) -> MicroIteration:
        """Judge a candidate: the filter, the seam, and whether it is longer and better."""
        num_words = count_words(candidate)
        judged = await judge_response(
            request, completion, self._initial.instruction.text, candidate, self._context
        )
        reason = judged.reason or ("restart" if spliced.restarts else None)
        if judged.score is not None:
            reason = reason or self._objection_to_growth(num_words, judged.score)
        return MicroIteration(num_words, reason, judged.score, spliced.at, spliced.cut_words)

    def _objection_to_growth(self, num_words: int, score: float) -> str | None:
        """Length times score must grow, so that a longer text that is much worse is not taken."""
        now = count_words(self.text)
        if num_words * score > now * self.score:
            return None
        return "not_longer" if num_words <= now else "not_better"

    def _keep(
        self, exchanges: list[tuple[Request, Completion]], step: MicroIteration, candidate: str
    ) -> None:
        for request, completion in exchanges:
            self._book.verdicts.accept(request, completion)
        self.text, self.score = candidate, step.score or 0.0
        self.micro_iterations.append(step)
        self.exchanges += [(request.kind, completion) for request, completion in exchanges]

    def _drop(
        self, exchanges: list[tuple[Request, Completion]], step: MicroIteration, candidate: str
    ) -> None:
        assert step.reason
        settled = [(request.kind, completion) for request, completion in exchanges]
        self._book.settle(settled, step.reason)
        *earlier, (last_request, last_completion) = exchanges
        for request, completion in earlier:
            self._book.verdicts.accept(request, completion)
        self._book.verdicts.drop(last_request, last_completion, step.reason, candidate)
        self._book.reject_text(last_request.id, last_request.kind, step.reason, candidate)
        self.micro_iterations.append(step)


async def extend_response(
    initial: InitialResponse, copy: int, context: CohortContext
) -> ExtendedResponse | None:
    """Extend an initial response; None when the attempts are used up."""
    attempts = context.recipe.config.extend.attempts
    response_id = initial.extension_id(copy)
    context.ahead.expect(response_id, attempts, rehearsal_of(initial, copy, context))
    for attempt in range(attempts):
        context.ahead.begin(response_id, attempt)
        extension = await _try(initial, copy, attempt, context)
        if extension.grew:
            context.ahead.drop(response_id)
            return ExtendedResponse(
                response_id,
                initial,
                extension.text,
                tuple(extension.micro_iterations),
                attempt + 1,
                tuple(extension.exchanges),
                extension.score,
            )
        extension.reject()
    context.ahead.drop(response_id)
    context.book.exhausted(Stage.EXTEND_TAIL)
    return None


def rehearsal_of(initial: InitialResponse, copy: int, context: CohortContext) -> Rehearse:
    """Return what rehearses the tries to extend a response."""

    async def rehearse(attempt: int, engine: Engine) -> bool:
        return (await _try(initial, copy, attempt, context.rehearsing(engine))).grew

    return rehearse


async def _try(
    initial: InitialResponse, copy: int, attempt: int, context: CohortContext
) -> Extension:
    """Let the text grow over the micro-iterations."""
    try_id = f"{initial.extension_id(copy)}/try-{attempt}"
    extension = Extension(try_id, attempt, initial, context)
    for _ in range(context.recipe.config.extend.micro_iterations):
        await extension.run_micro_iteration()
    return extension
