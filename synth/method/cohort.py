"""A cohort: the samples that are ranked by length together.

Each instruction walks on by itself. The only point where a cohort waits for all its members is the
ranking, and other cohorts keep the engine busy meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from filters import draw_per_item, reference_sample_by_length_rank, sample_by_length_rank
from selflengthen.tasks import together
from synth.config import LengthSamplingConfig
from synth.engine.base import Engine
from synth.method.books.book import CohortBook
from synth.method.extend import extend_response
from synth.method.generate import answer_slot
from synth.method.recipe import Recipe
from synth.method.registry import Registry
from synth.method.sample import ExtendedResponse, InitialResponse, Slot

Ranked = TypeVar("Ranked", InitialResponse, ExtendedResponse)
T = TypeVar("T")


@dataclass(frozen=True)
class Cohort:
    """The slots that are ranked together."""

    index: int
    slots: tuple[Slot, ...]

    async def run(
        self, recipe: Recipe, engine: Engine, registry: Registry, book: CohortBook
    ) -> list[ExtendedResponse]:
        """Take every slot through the method and return the samples that survive."""
        answered = await together(
            answer_slot(slot, recipe, engine, registry, book) for slot in self.slots
        )
        initial = rank(_flatten(answered), recipe, book)
        book.count("initial_kept", len(initial))
        extended = await together(
            extend_response(response, copy, recipe, engine, book)
            for response in initial
            for copy in range(recipe.config.extend.extensions)
        )
        found = [response for response in extended if response]
        book.count("extended", len(found))
        return rank(found, recipe, book)


def cohort_of(recipe: Recipe, index: int) -> Cohort:
    """Return one of the cohorts of an iteration."""
    return Cohort(index, recipe.plan.slots(index))


def rank(samples: Sequence[Ranked], recipe: Recipe, book: CohortBook) -> list[Ranked]:
    """Keep samples by their length rank, and book what became of each."""
    if not samples:
        return []
    config = recipe.config.length_sampling
    draws = draw_per_item(recipe.config.seed, [sample.id for sample in samples])
    sample_by_rank = (
        sample_by_length_rank if config.rank == "middle" else reference_sample_by_length_rank
    )
    kept = sample_by_rank([_ranked_length(sample, config) for sample in samples], draws)
    for sample, is_kept in zip(samples, kept, strict=True):
        book.sampled(sample, kept=is_kept)
    return [sample for sample, is_kept in zip(samples, kept, strict=True) if is_kept]


def _ranked_length(sample: InitialResponse | ExtendedResponse, config: LengthSamplingConfig) -> int:
    return sample.num_words if config.unit == "words" else len(sample.text)


def _flatten(groups: Iterable[Iterable[T]]) -> list[T]:
    return [item for group in groups for item in group]
