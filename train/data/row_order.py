"""The order of rows over a whole training: fixed before it starts, so that it can be resumed."""

import random
from collections.abc import Sequence


def order_rows(num_tokens_N: Sequence[int], epochs: int, seed: int) -> list[int]:
    """Shuffle every epoch anew; the very first row is the longest.

    What does not fit into memory then fails in the first step, not after hours.

    Shapes: N rows; the result has N x epochs indices.
    """
    order: list[int] = []
    for epoch in range(epochs):
        indices = list(range(len(num_tokens_N)))
        random.Random(f"{seed}:{epoch}:row-order").shuffle(indices)
        order += indices
    longest = max(range(len(num_tokens_N)), key=lambda index: num_tokens_N[index])
    place = order.index(longest)
    order[0], order[place] = order[place], order[0]
    return order


def split_rows(num_rows: int, eval_fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Hold a share of the rows out; both parts keep the rows' order.

    Returns: indices to train on, indices held out.
    """
    num_held_out = min(round(num_rows * eval_fraction), num_rows - 1)
    held_out = set(random.Random(f"{seed}:eval-split").sample(range(num_rows), num_held_out))
    return [n for n in range(num_rows) if n not in held_out], sorted(held_out)
