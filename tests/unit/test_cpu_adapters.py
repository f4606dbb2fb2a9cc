"""Adapters on a CPU: every token gets its own adapter's part, and those without one nothing."""

from types import SimpleNamespace

import pytest
import torch

from synth.engine.inprocess.cpu_adapters import add_lora_linear, group_rows

WIDTH, RANK, SLICES = 24, 4, (16, 8)


def weights(seed):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    a = tuple(draw(3, 1, RANK, WIDTH) for _ in SLICES)
    return a, tuple(draw(3, 1, size, RANK) for size in SLICES), draw


@pytest.mark.parametrize("indices", [[0, 1, -1, 0, 2], [1, 1, 1], [-1, -1], [2], [-1, 0]], ids=str)
def test_every_token_gets_its_adapter_s_part(indices):
    a, b, draw = weights(1)
    x, y = draw(len(indices), WIDTH), draw(len(indices), sum(SLICES))
    expected = y.clone()
    for token, index in enumerate(indices):
        if index >= 0:
            parts = [
                two[index, 0] @ one[index, 0] @ x[token] for one, two in zip(a, b, strict=True)
            ]
            expected[token] += 0.5 * torch.cat(parts)
    wrapper = SimpleNamespace(rows_of_adapters=group_rows(torch.tensor(indices)))
    add_lora_linear(wrapper, y, x, a, b, 0.5, SLICES)
    torch.testing.assert_close(y, expected)


def test_rows_are_grouped_once_for_all_layers():
    (first, rows), (second, others) = group_rows(torch.tensor([1, -1, 0, 1]))
    assert (first, rows.tolist(), second, others.tolist()) == (0, [2], 1, [0, 3])
    assert group_rows(torch.tensor([1, 1])) == [(1, None)]
    assert group_rows(torch.tensor([-1])) == []
