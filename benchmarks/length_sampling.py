"""What length sampling keeps, by a text's place among all texts, for several sizes of a cohort.

    python -m benchmarks.length_sampling --texts 16 --texts 128

A cohort ranks its own texts only, so the smaller it is, the more a text's chance depends on its
neighbours. The last column is how far the shares are from those of the largest size.
"""

import random
import shlex
from collections.abc import Sequence
from typing import Any

import click

from benchmarks.support.result import report
from filters.length_sampling import sample_by_length_rank

_NUM_BANDS = 5
_SIGMA = 0.6


@click.command()
@click.option(
    "--texts", "sizes", multiple=True, type=click.IntRange(min=1), default=(8, 16, 32, 64, 128, 512)
)
@click.option("--draws", default=10_000, type=click.IntRange(min=100), help="Texts of each size.")
def main(sizes: Sequence[int], draws: int) -> None:
    """Print shares kept."""
    shares = {size: _shares(size, draws) for size in sizes}
    fairest = shares[max(sizes)]
    rows = [_row(size, found, fairest) for size, found in shares.items()]
    arguments = shlex.join(str(one) for size in sizes for one in ("--texts", size))
    report("length_sampling", f"{arguments} --draws {draws}", "share kept, simulated", rows)


def _row(size: int, shares: Sequence[float], fairest: Sequence[float]) -> dict[str, Any]:
    bands = {f"fifth {band + 1}": round(share, 3) for band, share in enumerate(shares)}
    off = max(abs(one - other) for one, other in zip(shares, fairest, strict=True))
    return {"texts": size, "all": round(sum(shares) / _NUM_BANDS, 3), **bands, "off": round(off, 3)}


def _shares(size: int, draws: int) -> list[float]:
    """Return the share kept of each fifth of all lengths, shortest first."""
    rng = random.Random(size)
    texts = [rng.lognormvariate(0, _SIGMA) for _ in range(draws // size * size)]
    kept = []
    for start in range(0, len(texts), size):
        cohort = texts[start : start + size]
        kept += sample_by_length_rank(cohort, [rng.random() for _ in cohort])
    ordered = sorted(range(len(texts)), key=texts.__getitem__)
    step = len(texts) // _NUM_BANDS
    bands = [ordered[band * step : (band + 1) * step] for band in range(_NUM_BANDS)]
    return [sum(kept[one] for one in band) / len(band) for band in bands]


if __name__ == "__main__":
    main()
