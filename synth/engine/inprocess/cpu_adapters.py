"""LoRA on a CPU without a copy of the adapter for every token.

vLLM's torch implementation (`vllm/lora/punica_wrapper/punica_cpu.py`, from 0.26 to 0.32 alike)
gathers each token's matrices before it multiplies, in every layer. Here the rows of one adapter are
multiplied together, and rows without one, and logits, are left alone.
"""

import os
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch

from selflengthen.process import parent_death

_NO_ADAPTER = -1


def install() -> None:
    """Replace vLLM's way in the processes of an engine of ours; only its CPU platform takes it.

    vLLM calls this as a plug-in in each of its processes. In other people's it does nothing.
    """
    if parent_death.SWITCH not in os.environ:
        return
    from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU

    PunicaWrapperCPU.update_metadata = _grouping(PunicaWrapperCPU.update_metadata)
    PunicaWrapperCPU.add_lora_linear = add_lora_linear
    PunicaWrapperCPU.add_lora_logits = add_lora_logits


def _grouping(update: Callable[..., None]) -> Callable[..., None]:
    """Take over which token of a step has which adapter, and group them once for all layers."""

    @wraps(update)
    def update_metadata(
        wrapper: Any,  # noqa: ANN401 - of vLLM
        *arguments: object,
        **more: object,
    ) -> None:
        update(wrapper, *arguments, **more)
        wrapper.rows_of_adapters = group_rows(wrapper.token_lora_indices)

    return update_metadata


def group_rows(indices_T: torch.Tensor) -> list[tuple[int, torch.Tensor | None]]:
    """Return every adapter with the rows that have it; None: all rows.

    Shapes: T indices of adapters, -1 where there is none.
    """
    found = indices_T.unique().tolist()
    if len(found) == 1 and found != [_NO_ADAPTER]:
        return [(found[0], None)]
    return [(one, (indices_T == one).nonzero()[:, 0]) for one in found if one != _NO_ADAPTER]


def add_lora_linear(
    wrapper: Any,  # noqa: ANN401 - of vLLM
    y: torch.Tensor,
    x: torch.Tensor,
    lora_a_stacked: Sequence[torch.Tensor],
    lora_b_stacked: Sequence[torch.Tensor],
    scale: float,
    output_slices: Sequence[int],
    **_: object,
) -> None:
    """Add the adapters' parts to the outputs of a linear layer; the signature is vLLM's.

    Shapes: y (T tokens, sum of `output_slices`), x (T, width), for each slice A (adapters, 1, rank,
    width) and B (adapters, 1, slice, rank).
    """
    y, x = y.view(-1, y.shape[-1]), x.reshape(-1, x.shape[-1])
    for index, rows in wrapper.rows_of_adapters:
        own = x if rows is None else x[rows]
        columns = 0
        for a, b, width in zip(lora_a_stacked, lora_b_stacked, output_slices, strict=True):
            part = (own @ a[index, 0].T) @ b[index, 0].T
            target = y[:, columns : columns + width]
            if rows is None:
                target.add_(part, alpha=scale)
            else:
                target.index_add_(0, rows, part, alpha=scale)
            columns += width


def add_lora_logits(*_: object, **__: object) -> None:
    """Add nothing to logits: adapters that update the head are not served (`adapter.config`).

    vLLM 0.32 multiplies anyway, and dies where prompts' log probabilities are asked for: it has one
    adapter for each sequence, and rows for each token.
    """
