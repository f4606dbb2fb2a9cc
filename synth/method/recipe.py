"""What stays the same over one macro-iteration, and the requests that follow from it."""

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from filters.profile import Profile
from filters.rule import Circumstances
from filters.text.judged import JudgedText
from selflengthen.adapter.named import Adapter
from selflengthen.chat.messages import conversation
from synth.decoding import DecodingConfig
from synth.engine.base import Completion, Decoding, Engine, EngineSpec, FinishReason, Request
from synth.method.ahead.expecting import Ahead
from synth.method.forms.text_form import FORMS, TextForm
from synth.method.prompts.prompt_set import PromptSet
from synth.method.registry import Registry
from synth.method.slots import CohortPlan
from synth.method.stages import STAGES, ModelRole, Stage

if TYPE_CHECKING:
    from synth.config import RunConfig
    from synth.method.books.book import CohortBook

NUM_EXAMPLES = 2
"""Instructions shown as examples. Source: Self-Lengthen, `self_instruct`, commit 004e880."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a stage asks the model."""

    id: str
    stage: Stage
    place: int
    """Of the sample in the run."""
    user: str
    prefill: str = ""
    attempt: int = 0
    stop: tuple[str, ...] = ()
    """Strings that end the answer, beside those of the stage."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Configuration, prompts and instruction pool of one macro-iteration."""

    config: "RunConfig"
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

    @property
    def engine_spec(self) -> EngineSpec:
        """What its engine is started for."""
        return EngineSpec(
            self.config.model,
            self.config.engine,
            tuple(self.adapters.values()),
            self.prompts.wording.answers,
            self.today,
        )

    def request(self, prompt: Prompt) -> Request:
        """Make a request with role and decoding of its stage."""
        adapter = self.adapters.get(STAGES[prompt.stage].role)
        return Request(
            id=prompt.id,
            messages=conversation(prompt.user, self.config.model.system_prompt),
            decoding=self._decoding(prompt),
            prefill=prompt.prefill,
            choices=prompt.choices,
            adapter=adapter.name if adapter else None,
            kind=prompt.stage,
            priority=prompt.stage.priority,
            affinity=prompt.place,
        )

    async def judge(self, instruction: str, completion: Completion, text: str) -> "Judged":
        """Return why a text is dropped, or its score. In a thread: long texts take a while."""
        if reason := failure_of(completion):
            return Judged(reason)
        is_truncated = completion.finish_reason is FinishReason.LENGTH
        circumstances = replace(self.circumstances(instruction), is_truncated=is_truncated)
        return await asyncio.to_thread(_judge, self.profile, text, circumstances)

    async def objection_to_head(self, instruction: str, head: str) -> str | None:
        """Return why no text that begins so would be kept, or None."""
        circumstances = self.circumstances(instruction)
        verdict = await asyncio.to_thread(self.profile.judge_beginning, head, circumstances)
        return verdict.reason

    def circumstances(self, instruction: str) -> Circumstances:
        """Return what filter and watch know about a response that is not finished."""
        return Circumstances(instruction, prompt_lines=self.prompts.fixed_lines)

    def sampling(self, stage: Stage) -> DecodingConfig:
        """Return the sampling parameters of a stage."""
        return STAGES[stage].decoding(self.config) or self.config.decoding

    def _decoding(self, prompt: Prompt) -> Decoding:
        own = self.sampling(prompt.stage)
        changed = {
            "temperature": own.temperature + prompt.attempt * own.retry_temperature_step,
            "stop": (*own.stop, *prompt.stop),
        }
        return Decoding(
            max_completion_tokens=STAGES[prompt.stage].max_completion_tokens(self.config),
            sampling=own.model_copy(update=changed),
            seed=derive_seed(self.config.seed, prompt.id),
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """What the filter says of a text."""

    reason: str | None
    """Why it is dropped."""
    score: float | None = None
    """From 0 to 1: how far it is from the limits."""


def _judge(profile: Profile, text: str, circumstances: Circumstances) -> Judged:
    judged = JudgedText(text)
    reason = profile.judge(judged, circumstances).reason
    return Judged(reason) if reason else Judged(None, round(profile.score(judged), 4))


@dataclass(frozen=True, slots=True)
class CohortContext:
    """What every sample of a cohort works with."""

    recipe: Recipe
    engine: Engine
    registry: Registry
    book: "CohortBook"
    ahead: Ahead = field(default_factory=Ahead)

    def rehearsing(self, engine: Engine) -> "CohortContext":
        """Return what a rehearsal works with: nothing stays of what it books."""
        return replace(self, engine=engine, book=self.book.scratch(), ahead=Ahead())


def failure_of(completion: Completion) -> str | None:
    """Return why a completion never got to its end: the watch's reason or the engine's error."""
    if completion.finish_reason not in (FinishReason.ABORT, FinishReason.ERROR):
        return None
    return (completion.detail or "engine_error").split(":")[0]


def derive_seed(seed: int, item_id: str) -> int:
    """Derive an item's own 63-bit seed, the same in every process."""
    digest = hashlib.sha256(f"{seed}:{item_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
