"""What stays the same over one macro-iteration, and the requests that follow from it."""

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import date

from filters import Circumstances, Profile
from selflengthen.adapter.served import Adapter
from synth.config import DecodingConfig, RunConfig
from synth.engine.base import Completion, Decoding, FinishReason, ModelRole, Request, Stage
from synth.method.prompts.prompt_set import PromptSet
from synth.method.sample import Slot
from synth.method.slots import CohortPlan
from synth.method.text_form import FORMS, TextForm

NUM_EXAMPLES = 2
"""Instructions shown as examples. Source: Self-Lengthen, `self_instruct`, commit 004e880."""


@dataclass(frozen=True)
class Recipe:
    """Configuration, prompts and instruction pool of one macro-iteration."""

    config: RunConfig
    iteration: int
    prompts: PromptSet
    pool: tuple[str, ...]
    adapters: dict[ModelRole, Adapter]
    held_out: tuple[str, ...] = ()
    """Instructions that only measure the Generator."""
    asked_before: tuple[int, ...] = ()
    """Numbers of instructions that the run was asked for before it was asked for more."""
    today: date | None = None
    """The day that chat templates are told; None: the real one."""

    @property
    def profile(self) -> Profile:
        """The response filter."""
        return self.config.filter

    @property
    def plan(self) -> CohortPlan:
        """Which slots belong to which cohort."""
        stretches = (*self.asked_before, self.config.num_instructions)
        return CohortPlan(self.iteration, stretches, self.config.cohort_instructions)

    @property
    def form(self) -> TextForm:
        """How texts are split and joined."""
        return FORMS[self.config.extend.form]

    def request(
        self,
        slot: Slot,
        request_id: str,
        stage: Stage,
        *,
        user: str,
        attempt: int,
        prefill: str = "",
        stop: tuple[str, ...] = (),
    ) -> Request:
        """Make a request with the decoding of its stage."""
        decoding = self.decoding(stage)
        return Request(
            id=request_id,
            cohort=slot.cohort,
            sequence=slot.sequence,
            stage=stage,
            role=_ROLES[stage],
            user=user,
            prefill=prefill,
            decoding=Decoding(
                max_completion_tokens=self._max_completion_tokens(stage),
                temperature=decoding.temperature + attempt * decoding.retry_temperature_step,
                top_p=decoding.top_p,
                top_k=decoding.top_k,
                repetition_penalty=decoding.repetition_penalty,
                frequency_penalty=decoding.frequency_penalty,
                presence_penalty=decoding.presence_penalty,
                stop=(*decoding.stop, *stop),
                seed=derive_seed(self.config.seed, request_id),
            ),
        )

    def judge_request(self, slot: Slot, request_id: str, instruction: str) -> Request:
        """Make the request that lets the base model choose between yes and no."""
        return Request(
            id=request_id,
            cohort=slot.cohort,
            sequence=slot.sequence,
            stage=Stage.JUDGE,
            role=ModelRole.BASE,
            user=self.prompts.judge(instruction),
            decoding=Decoding(max_completion_tokens=1),
            choices=self.prompts.wording.answers,
        )

    async def objection(self, instruction: str, completion: Completion, text: str) -> str | None:
        """Return why a text is dropped, or None. Judged in a thread: long texts take a while."""
        if reason := failure_of(completion):
            return reason
        is_truncated = completion.finish_reason is FinishReason.LENGTH
        circumstances = replace(self.circumstances(instruction), is_truncated=is_truncated)
        verdict = await asyncio.to_thread(self.profile.judge, text, circumstances)
        return verdict.reason

    def circumstances(self, instruction: str) -> Circumstances:
        """Return what filter and watch know about a response that is not finished."""
        return Circumstances(instruction, prompt_lines=self.prompts.fixed_lines)

    def decoding(self, stage: Stage) -> DecodingConfig:
        """Return the sampling parameters of a stage."""
        config = self.config
        if stage is Stage.EXPAND:
            own = config.expand.decoding
        elif stage is Stage.GENERATE:
            own = config.generate.decoding
        elif stage is Stage.HELD_OUT:
            own = config.held_out.decoding or config.generate.decoding
        else:
            own = config.extend.decoding
        return own or config.decoding

    def _max_completion_tokens(self, stage: Stage) -> int:
        if stage is Stage.EXPAND:
            return self.config.expand.max_completion_tokens
        if stage is Stage.GENERATE:
            return self.config.generate.max_completion_tokens
        if stage is Stage.HELD_OUT:
            own = self.config.held_out.max_completion_tokens
            return own or self.config.generate.max_completion_tokens
        extend = self.config.extend
        if stage is Stage.EXTEND_HEAD and extend.max_stage_1_tokens is not None:
            return extend.max_stage_1_tokens
        return extend.max_completion_tokens


_ROLES = {
    Stage.EXPAND: ModelRole.BASE,
    Stage.JUDGE: ModelRole.BASE,
    Stage.GENERATE: ModelRole.GENERATOR,
    Stage.EXTEND_HEAD: ModelRole.EXTENDER,
    Stage.EXTEND_TAIL: ModelRole.EXTENDER,
    Stage.HELD_OUT: ModelRole.GENERATOR,
}


def failure_of(completion: Completion) -> str | None:
    """Return why a completion never got to its end: the watch's reason or the engine's error."""
    if completion.finish_reason not in (FinishReason.ABORT, FinishReason.ERROR):
        return None
    return (completion.detail or "engine_error").split(":")[0]


def derive_seed(seed: int, item_id: str) -> int:
    """Derive an item's own 63-bit seed, the same in every process."""
    digest = hashlib.sha256(f"{seed}:{item_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
