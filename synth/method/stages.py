"""The stages of a sample's life, in their order: one table."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from synth.config import RunConfig
    from synth.decoding import DecodingConfig


class ModelRole(StrEnum):
    """Who answers: the bare model, or one of its two adapters."""

    BASE = "base"
    GENERATOR = "generator"
    EXTENDER = "extender"


TRAINED_ROLES = (ModelRole.GENERATOR, ModelRole.EXTENDER)


class Stage(StrEnum):
    """What a request is for."""

    EXPAND = "expand"
    JUDGE = "judge"
    GENERATE = "generate"
    PLAN = "plan"
    """What an extension will consist of, with `extend.plan`."""
    EXTEND_HEAD = "extend_head"
    EXTEND_TAIL = "extend_tail"
    RATE = "rate"
    """The judge on a response, with `judge.response`."""
    DEMAND = "demand"
    """A query with a length demand, for the final data."""
    HELD_OUT = "held_out"
    """No part of a sample: few requests, as long as the longest, so they start first."""

    @property
    def priority(self) -> int:
        """Rank for scheduling, smaller first: the later a stage, the more urgent."""
        return len(Stage) - 1 - list(Stage).index(self)


@dataclass(frozen=True, slots=True)
class StageSpec:
    """How the requests of a stage are made."""

    role: ModelRole
    decoding: "Callable[[RunConfig], DecodingConfig | None]"
    """Its own sampling parameters; None: those of the run."""
    max_completion_tokens: "Callable[[RunConfig], int]"
    title: str | None = None
    """What displays call the stage; None: nothing is dropped for what it wrote."""


STAGES = {
    Stage.EXPAND: StageSpec(
        ModelRole.BASE,
        decoding=lambda config: config.expand.decoding,
        max_completion_tokens=lambda config: config.expand.max_completion_tokens,
        title="instructions",
    ),
    Stage.JUDGE: StageSpec(
        ModelRole.BASE,
        decoding=lambda config: config.decoding.neutral(),
        max_completion_tokens=lambda _: 1,
    ),
    Stage.GENERATE: StageSpec(
        ModelRole.GENERATOR,
        decoding=lambda config: config.generate.decoding,
        max_completion_tokens=lambda config: config.generate.max_completion_tokens,
        title="initial responses",
    ),
    Stage.PLAN: StageSpec(
        ModelRole.BASE,
        decoding=lambda config: config.extend.decoding,
        max_completion_tokens=lambda config: config.extend.max_plan_tokens,
    ),
    Stage.EXTEND_HEAD: StageSpec(
        ModelRole.EXTENDER,
        decoding=lambda config: config.extend.decoding,
        max_completion_tokens=lambda config: (
            config.extend.max_stage_1_tokens or config.extend.max_completion_tokens
        ),
    ),
    Stage.EXTEND_TAIL: StageSpec(
        ModelRole.EXTENDER,
        decoding=lambda config: config.extend.decoding,
        max_completion_tokens=lambda config: config.extend.max_completion_tokens,
        title="extensions (stage 2)",
    ),
    Stage.RATE: StageSpec(
        ModelRole.BASE,
        decoding=lambda config: config.decoding.neutral(),
        max_completion_tokens=lambda _: 1,
    ),
    Stage.DEMAND: StageSpec(
        ModelRole.BASE,
        decoding=lambda config: config.expand.decoding,
        max_completion_tokens=lambda config: config.expand.max_completion_tokens,
    ),
    Stage.HELD_OUT: StageSpec(
        ModelRole.GENERATOR,
        decoding=lambda config: config.held_out.decoding or config.generate.decoding,
        max_completion_tokens=lambda config: (
            config.held_out.max_completion_tokens or config.generate.max_completion_tokens
        ),
    ),
}
DECIDING_STAGES = tuple(stage for stage, spec in STAGES.items() if spec.title)
"""Those whose texts are kept or dropped."""
