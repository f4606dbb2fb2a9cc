"""Extension: the Extender rewrites a response longer, in micro-iterations of two stages.

Stage 1 rewrites the first half of the text; of what it wrote, the first two thirds (the head) begin
stage 2, which rewrites the whole text. The last third is dropped so that stage 2 goes on from the
middle of a thought instead of from an ending.

Source: Self-Lengthen (arXiv 2410.23933), section 3; `extend_response`, commit 004e880.
"""

from filters.text.words import count_words
from synth.engine.base import Completion, Request, WatchCall
from synth.method.recipe import CohortContext, Prompt, failure_of
from synth.method.sample import Exchange, ExtendedResponse, InitialResponse, MicroIteration
from synth.method.stages import Stage
from synth.method.text_form import TextForm


class Extension:
    """One try to extend one initial response; its text never gets shorter."""

    def __init__(
        self, try_id: str, attempt: int, initial: InitialResponse, context: CohortContext
    ) -> None:
        self._id = try_id
        self._attempt = attempt
        self._initial = initial
        self._recipe = context.recipe
        self._engine = context.engine
        self._book = context.book
        self.text = initial.text
        self.micro_iterations: list[MicroIteration] = []
        self.exchanges: list[Exchange] = []

    @property
    def grew(self) -> bool:
        """Whether the text exceeds the initial response by the configured multiple."""
        min_words = self._recipe.config.extend.min_growth * self._initial.num_words
        return count_words(self.text) > min_words

    async def run_micro_iteration(self) -> None:
        """Run both stages; the candidate becomes the text if it passes and is longer."""
        head_request = self._request(Stage.EXTEND_HEAD, self._recipe.form.outline(self.text))
        profile, form = self._recipe.profile, self._recipe.form
        circumstances = self._recipe.circumstances(self._initial.instruction.text)
        self._book.verdicts.begin(head_request)
        head_completion = await self._engine.generate(head_request, profile.watch_draft)
        if reason := failure_of(head_completion):
            self._drop([(head_request, head_completion)], reason, head_completion.text)
            return
        head = form.head(head_completion.text)
        tail_request = self._request(Stage.EXTEND_TAIL, self.text, prefill=head)
        self._book.verdicts.begin(tail_request)
        tail_completion = await self._engine.generate(
            tail_request, lambda: _watch_spliced(profile.watch(circumstances), form, head)
        )
        candidate = profile.trim(form.splice(head, tail_completion.text))
        reason = await self._objection(tail_completion, candidate)
        exchanges = [(head_request, head_completion), (tail_request, tail_completion)]
        if reason is None:
            self._keep(exchanges, candidate)
        else:
            self._drop(exchanges, reason, candidate)

    def reject(self) -> None:
        """Give the whole try up: what passed, if anything did, grew too little."""
        if not self.exchanges:
            return
        self._book.settle(self.exchanges, "too_little_growth")
        self._book.reject_text(self._id, Stage.EXTEND_TAIL, "too_little_growth", self.text)

    def _request(self, stage: Stage, text: str, prefill: str = "") -> Request:
        instruction = self._initial.instruction
        return self._recipe.request(
            Prompt(
                f"{self._id}/{stage}-{len(self.micro_iterations)}",
                stage,
                instruction.slot.sequence,
                user=self._recipe.prompts.extend(instruction.text, text),
                prefill=prefill,
                attempt=self._attempt,
            )
        )

    async def _objection(self, completion: Completion, candidate: str) -> str | None:
        instruction = self._initial.instruction.text
        reason = await self._recipe.objection(instruction, completion, candidate)
        is_longer = count_words(candidate) > count_words(self.text)
        return reason or (None if is_longer else "not_longer")

    def _keep(self, exchanges: list[tuple[Request, Completion]], candidate: str) -> None:
        for request, completion in exchanges:
            self._book.verdicts.accept(request, completion)
        self.text = candidate
        self.micro_iterations.append(MicroIteration(count_words(candidate), None))
        self.exchanges += [(request.kind, completion) for request, completion in exchanges]

    def _drop(
        self, exchanges: list[tuple[Request, Completion]], reason: str, candidate: str
    ) -> None:
        self._book.settle([(request.kind, completion) for request, completion in exchanges], reason)
        *earlier, (last_request, last_completion) = exchanges
        for request, completion in earlier:
            self._book.verdicts.accept(request, completion)
        self._book.verdicts.drop(last_request, last_completion, reason, candidate)
        self._book.reject_text(last_request.id, last_request.kind, reason, candidate)
        self.micro_iterations.append(MicroIteration(count_words(candidate), reason))


async def extend_response(
    initial: InitialResponse, copy: int, context: CohortContext
) -> ExtendedResponse | None:
    """Extend an initial response; None when the attempts are used up."""
    response_id = f"{initial.id}-e{copy}"
    config = context.recipe.config.extend
    for attempt in range(config.attempts):
        extension = Extension(f"{response_id}/try-{attempt}", attempt, initial, context)
        for _ in range(config.micro_iterations):
            await extension.run_micro_iteration()
        if extension.grew:
            return ExtendedResponse(
                response_id,
                initial,
                extension.text,
                tuple(extension.micro_iterations),
                attempt + 1,
                tuple(extension.exchanges),
            )
        extension.reject()
    context.book.exhausted(Stage.EXTEND_TAIL)
    return None


def _watch_spliced(watch: WatchCall, form: TextForm, head: str) -> WatchCall:
    """Let a watch see what the filter will see: the head and stage 2, joined."""
    beginning: str | None = ""

    def watch_stage_2(delta: str) -> str | None:
        nonlocal beginning
        if beginning is None:
            return watch(delta)
        beginning += delta
        if not beginning.strip():
            return None
        joined, beginning = form.splice(head, beginning), None
        return watch(joined)

    return watch_stage_2
