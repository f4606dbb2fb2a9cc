"""Rows of one's own among those that a model wrote for itself."""

from pydantic import Field

from selflengthen.settings import Settings


class MixSource(Settings):
    """Further rows, and how many."""

    path: str = Field(min_length=1)
    """JSONL file, folder of them or glob, with `prompt` and `completion` as in shards."""
    share: float = Field(gt=0.0, lt=1.0)
    """Share of the rows trained on that they make up; where they are too few, all are taken."""


def check_shares(mix: tuple[MixSource, ...]) -> tuple[MixSource, ...]:
    """Return the sources.

    Raises: ValueError: nothing is left for the other rows.
    """
    total = sum(source.share for source in mix)
    if total >= 1.0:
        raise ValueError(f"the shares add up to {total:g}; leave some for the other rows")
    return mix
