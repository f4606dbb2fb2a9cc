"""Percentiles, as every summary gives them."""

from collections import Counter
from itertools import accumulate

_SHARES = (10, 50, 90, 100)


def percentiles(counts: Counter[float]) -> dict[str, float]:
    """Return nearest-rank percentiles of values that are counted; at least one is needed."""
    ordered = sorted(counts)
    totals = list(accumulate(counts[value] for value in ordered))
    last = totals[-1] - 1
    return {
        f"p{share}": next(
            value
            for value, total in zip(ordered, totals, strict=True)
            if total > round(last * share / 100)
        )
        for share in _SHARES
    }
