"""What a set of texts is like as a whole: faults, diversity, with intervals of 95 %."""

import math
import statistics
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from filters.text.ngrams import ngram_hashes
from filters.text.words import script_units

_Z = 1.96
_NGRAM = 4
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval of 95 %."""

    value: float
    low: float
    high: float


def share(number: int, total: int) -> Estimate:
    """Return a share with Wilson's interval (source: Wilson, JASA 22, 1927).

    Raises: ValueError: there is nothing.
    """
    if total < 1:
        raise ValueError("a share of nothing")
    middle = (number + _Z**2 / 2) / (total + _Z**2)
    value = number / total
    half = _Z * math.sqrt(value * (1 - value) / total + _Z**2 / (4 * total**2))
    half /= 1 + _Z**2 / total
    return Estimate(value, max(0.0, middle - half), min(1.0, middle + half))


def mean(values: Sequence[float]) -> Estimate:
    """Return a mean with its normal interval; of one value it is the value.

    Raises: statistics.StatisticsError: there is nothing.
    """
    value = statistics.fmean(values)
    half = _Z * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Estimate(value, value - half, value + half)


def bootstrap_mean(values_V: Sequence[float]) -> Estimate:
    """Return a mean with its bootstrap interval.

    Shapes: V values, of things that were drawn independently.

    Raises: ValueError: there is nothing.
    """
    return bootstrap_ratio(values_V, [1.0] * len(values_V))


def bootstrap_ratio(tops_V: Sequence[float], bottoms_V: Sequence[float]) -> Estimate:
    """Return a ratio of two sums with its bootstrap interval: percentiles of resampled ratios.

    Shapes: V pairs, of things that were drawn independently. The same values give the same.

    Raises: ValueError: there is nothing, or nothing to divide by.
    """
    tops, bottoms = np.asarray(tops_V, dtype=float), np.asarray(bottoms_V, dtype=float)
    if not bottoms.sum():
        raise ValueError("a ratio to nothing")
    draws = np.random.default_rng(0).integers(len(tops), size=(_RESAMPLES, len(tops)))
    below = bottoms[draws].sum(axis=1)
    ratios = tops[draws].sum(axis=1)[below > 0] / below[below > 0]
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Estimate(float(tops.sum() / bottoms.sum()), float(low), float(high))


def distinct_ngrams(text: str) -> float:
    """Return the share of different ones among a text's groups of four units; 1.0 without any."""
    ngrams = ngram_hashes(script_units(text), _NGRAM)
    return len(np.unique(ngrams)) / len(ngrams) if len(ngrams) else 1.0


def shared_ngrams(texts_T: Sequence[str]) -> list[float]:
    """Return the share of each text's different groups of four units that another text has too.

    Shapes: T texts, T shares.
    """
    own = [np.unique(ngram_hashes(script_units(text), _NGRAM)) for text in texts_T]
    if not own:
        return []
    every, counts = np.unique(np.concatenate(own), return_counts=True)
    shared = every[counts > 1]
    return [float(np.isin(ngrams, shared).mean()) if len(ngrams) else 0.0 for ngrams in own]


def volatility(lengths: Sequence[int]) -> float:
    """Return the standard deviation of the lengths of several answers over their mean.

    Source: arXiv 2605.01357. Units: lengths in words.

    Raises: statistics.StatisticsError: there are fewer than two.
    """
    average = statistics.fmean(lengths)
    return statistics.stdev(lengths) / average if average else 0.0


def compression_ratio(texts: Sequence[str]) -> float:
    """Return how many times smaller zlib makes the texts together: the more, the more alike."""
    content = "\n".join(texts).encode()
    return len(content) / len(zlib.compress(content)) if content else 1.0
