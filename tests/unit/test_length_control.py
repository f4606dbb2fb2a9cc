"""The win rate at equal length."""

import math
import random

import numpy as np
import pytest

from synth.judging.length_control import fit_logistic, length_controlled_rate


def test_where_only_length_wins_the_length_controlled_rate_is_a_half():
    rng = random.Random(1)
    differences = [rng.gauss(300, 300) for _ in range(400)]
    chances = [1 / (1 + math.exp(-difference / 150)) for difference in differences]
    outcomes = [float(rng.random() < chance) for chance in chances]
    found = length_controlled_rate(outcomes, differences, list(map(str, range(400))))
    assert np.mean(outcomes) > 0.75
    assert found.value == pytest.approx(0.5, abs=0.08)
    assert found.low < 0.5 < found.high


def test_where_length_does_not_matter_the_length_controlled_rate_is_the_win_rate():
    rng = random.Random(2)
    differences = [rng.gauss(300, 300) for _ in range(400)]
    outcomes = [rng.choice([1.0, 1.0, 1.0, 0.5, 0.0]) for _ in differences]
    found = length_controlled_rate(outcomes, differences, list(map(str, range(400))))
    assert np.mean(outcomes) > 0.65
    assert found.value == pytest.approx(np.mean(outcomes), abs=0.05)
    assert found.low > 0.5


def test_pairs_of_one_request_are_drawn_together():
    rng = random.Random(4)
    differences = [rng.gauss(0, 100) for _ in range(40)]
    outcomes = [float(rng.random() < 0.6) for _ in differences]
    alone = length_controlled_rate(outcomes, differences, list(map(str, range(40))))
    again = length_controlled_rate(
        outcomes * 4, differences * 4, [str(number) for number in range(40)] * 4
    )
    assert again.value == pytest.approx(alone.value, abs=1e-3)
    assert again.high - again.low == pytest.approx(alone.high - alone.low, rel=0.05)


def test_a_difference_that_is_always_the_same_cannot_be_told_from_the_rest():
    outcomes, requests = [1.0, 1.0, 1.0, 0.0], list("abcd")
    assert length_controlled_rate(outcomes, [50] * 4, requests) is None
    assert length_controlled_rate(outcomes, [0] * 4, requests).value == pytest.approx(
        0.75, abs=1e-3
    )
    with pytest.raises(ValueError, match="a rate of nothing"):
        length_controlled_rate([], [], [])


@pytest.mark.parametrize("kind", ["separable", "all won", "mixed", "one"])
def test_the_fit_is_where_the_slope_is_nought(kind):
    rng = np.random.default_rng(5)
    for middle in (-3, 0, 3):
        differences = rng.normal(middle, 1, 1 if kind == "one" else 90)
        outcomes = {
            "separable": differences > differences.mean(),
            "all won": differences == differences,
            "mixed": rng.random(len(differences)) < 0.3,
            "one": differences > 99,
        }[kind].astype(float)
        differences[0] *= 30
        design = np.column_stack([np.ones_like(differences), differences])
        weights = rng.integers(0, 3, (50, len(differences))).astype(float)
        found = fit_logistic(design, outcomes, weights)
        expected = 0.5 * (1 + np.tanh(found @ design.T / 2))
        slope = (weights * (outcomes - expected)) @ design - 1e-3 * found
        assert np.abs(slope).max() < 1e-5
