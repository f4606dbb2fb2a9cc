"""Length sampling: of texts ranked together, short ones are dropped more often."""

import bisect
import random
from collections.abc import Sequence

# Source: Self-Lengthen, `drop_short` in `utils.py`, commit 004e880: keep if U > 2 r^3.
RANK_FACTOR = 2.0
RANK_EXPONENT = 3


def sample_by_length_rank(num_words_N: Sequence[float], draws_N: Sequence[float]) -> list[bool]:
    """Decide which texts to keep; ties share their mean rank and at least one text stays.

    A text whose share of longer texts is r is kept if its draw exceeds 2 r^3. A rank is taken at
    the middle of its place, so of N equal texts each has r = 1/2 and stays with p = 3/4. If all
    would go, the longest stays.

    Shapes: N texts with one uniform draw in [0, 1) each; the result is aligned with them.
    Units: words (see `count_words`).
    Raises: ValueError: there is no text, or the lengths of the arguments differ.
    """
    _require_aligned(num_words_N, draws_N)
    ordered, num_texts = sorted(num_words_N), len(num_words_N)
    kept = []
    for num_words, draw in zip(num_words_N, draws_N, strict=True):
        first, end = bisect.bisect_left(ordered, num_words), bisect.bisect_right(ordered, num_words)
        kept.append(_survives(1 - (first + end) / 2 / num_texts, draw))
    if not any(kept):
        kept[max(range(num_texts), key=lambda index: (num_words_N[index], -index))] = True
    return kept


def reference_sample_by_length_rank(
    num_words_N: Sequence[float], draws_N: Sequence[float]
) -> list[bool]:
    """Decide as the reference does: the rank is the first index of the length in sorted order.

    N equal texts, or a single one, have r = 1 and are all dropped.

    Shapes: N texts with one uniform draw in [0, 1) each; the result is aligned with them.
    Raises: ValueError: there is no text, or the lengths of the arguments differ.
    Source: Self-Lengthen, `drop_short` in `utils.py`, commit 004e880.
    """
    _require_aligned(num_words_N, draws_N)
    ordered, num_texts = sorted(num_words_N), len(num_words_N)
    return [
        _survives(1 - bisect.bisect_left(ordered, num_words) / num_texts, draw)
        for num_words, draw in zip(num_words_N, draws_N, strict=True)
    ]


def draw_per_item(seed: int, item_ids: Sequence[str]) -> list[float]:
    """Draw one number per item from the run's seed and the item's id alone."""
    return [random.Random(f"{seed}:{item_id}:length-sampling").random() for item_id in item_ids]


def _survives(share_longer: float, draw: float) -> bool:
    return draw > RANK_FACTOR * share_longer**RANK_EXPONENT


def _require_aligned(num_words_N: Sequence[float], draws_N: Sequence[float]) -> None:
    if not num_words_N or len(num_words_N) != len(draws_N):
        raise ValueError(f"{len(num_words_N)} texts and {len(draws_N)} draws")
