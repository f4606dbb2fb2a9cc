"""Who is asked, and how: the model, its engine, and the requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from selflengthen.chat.messages import conversation
from selflengthen.contract.base import TokenCounts
from synth.decoding import DecodingConfig
from synth.engine.base import Completion, Decoding, EngineSpec, Request
from synth.engine.config import EngineConfig, ModelConfig
from synth.eval.subjects import Subject
from synth.method.recipe import derive_seed


@dataclass(frozen=True, slots=True)
class Serving:
    """The model that answers, and how its tokens are drawn."""

    model: ModelConfig
    engine: EngineConfig
    decoding: DecodingConfig
    max_completion_tokens: int
    seed: int
    today: date | None
    """The day that chat templates are told."""

    def spec(self, subjects: Sequence[Subject]) -> EngineSpec:
        """Return what an engine for these subjects is started for."""
        adapters = tuple(subject.adapter for subject in subjects if subject.adapter)
        return EngineSpec(self.model, self.engine, adapters, today=self.today)

    def request(self, subject: Subject, place: str, user: str, affinity: int) -> Request:
        """Make a request; all subjects draw from the same seeds."""
        return Request(
            id=f"{subject.name}-{place}",
            messages=conversation(user, self.model.system_prompt),
            decoding=Decoding(
                self.max_completion_tokens, self.decoding, derive_seed(self.seed, place)
            ),
            adapter=subject.adapter.name if subject.adapter else None,
            kind="exam",
            affinity=affinity,
        )


def token_counts(completion: Completion) -> TokenCounts:
    """Return what a completion cost."""
    return TokenCounts(
        prompt=completion.num_prompt_tokens,
        cached=completion.num_cached_tokens,
        generated=completion.num_generated_tokens,
    )
