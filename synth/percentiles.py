"""Percentiles, as every summary gives them."""

from collections.abc import Sequence

_SHARES = (10, 50, 90, 100)


def percentiles(ordered: Sequence[float]) -> dict[str, float]:
    """Return nearest-rank percentiles of values in ascending order; at least one is needed."""
    last = len(ordered) - 1
    return {f"p{share}": ordered[round(last * share / 100)] for share in _SHARES}
