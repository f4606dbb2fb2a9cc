"""Further rows among those of the shards: a share of each source, drawn once."""

import random
from collections.abc import Sequence
from dataclasses import replace

from selflengthen.mix import MixSource
from train.data.shard_reader import Shard, read_rows
from train.errors import ShardError


def mixed_in(mix: Sequence[MixSource], num_rows: int, seed: int) -> list[Shard]:
    """Read the sources, and draw so many rows of each that they have their shares of the whole.

    Args:
        num_rows: Rows of the shards themselves.

    Raises: ShardError: the first bad row as file:line with the reason, or nothing to read.
    """
    total = num_rows / (1.0 - sum(source.share for source in mix))
    drawn = []
    for number, source in enumerate(mix):
        drawn += _draw(_read(source.path), round(source.share * total), f"{seed}:{number}")
    return drawn


def _read(path: str) -> list[Shard]:
    try:
        return read_rows([path])
    except ShardError as error:
        raise ShardError(f"data.mix: {str(error).removeprefix('--data ')}") from None


def _draw(shards: Sequence[Shard], num_rows: int, seed: str) -> list[Shard]:
    places = [(number, row) for number, shard in enumerate(shards) for row in shard.rows]
    if len(places) > num_rows:
        chosen = random.Random(f"{seed}:mix").sample(range(len(places)), num_rows)
        places = [places[index] for index in sorted(chosen)]
    return [
        replace(shard, rows=tuple(row for number, row in places if number == own))
        for own, shard in enumerate(shards)
    ]
