"""Length sampling of samples that are ranked together."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from filters.length_sampling import (
    draw_per_item,
    reference_sample_by_length_rank,
    sample_by_length_rank,
)
from selflengthen.plugins import naming, resolve
from synth.config import LengthSamplingConfig, RunConfig
from synth.method.recipe import CohortContext
from synth.method.sample import ExtendedResponse, InitialResponse

Ranked = TypeVar("Ranked", InitialResponse, ExtendedResponse)


async def rank(samples: Sequence[Ranked], context: CohortContext) -> list[Ranked]:
    """Keep samples by their length rank, and book what became of each.

    A scorer of a person's own may take its time: the engine's requests go on meanwhile.

    Raises: PluginError: it failed.
    """
    if not samples:
        return []
    config = context.recipe.config
    if config.length_sampling.scorer is None:
        kept = survivors(samples, config)
    else:
        kept = await asyncio.to_thread(survivors, samples, config)
    for sample, is_kept in zip(samples, kept, strict=True):
        context.book.sampled(sample, kept=is_kept)
    return [sample for sample, is_kept in zip(samples, kept, strict=True) if is_kept]


def survivors(samples: Sequence[Ranked], config: RunConfig) -> list[bool]:
    """Tell which of some samples length sampling keeps.

    Raises: PluginError: a scorer of a person's own failed.
    """
    draws = draw_per_item(config.seed, [sample.id for sample in samples])
    is_middle = config.length_sampling.rank == "middle"
    sample_by_rank = sample_by_length_rank if is_middle else reference_sample_by_length_rank
    return sample_by_rank(_ranks(samples, config.length_sampling), draws)


def _ranks(samples: Sequence[Ranked], config: LengthSamplingConfig) -> list[float]:
    """Return what samples are ranked by: their length, or a person's own score."""
    if config.scorer is not None:
        score = resolve("length_sampling.scorer", config.scorer)
        with naming(config.scorer):
            return [float(score(sample.text, sample.task)) for sample in samples]
    lengths = [
        sample.num_words if config.unit == "words" else len(sample.text) for sample in samples
    ]
    if not config.quality_weight:
        return list(lengths)
    scores = [sample.score**config.quality_weight for sample in samples]
    return [length * score for length, score in zip(lengths, scores, strict=True)]
