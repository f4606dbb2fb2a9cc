"""Length sampling keeps long texts more often, and never drops all of them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import (
    draw_per_item,
    reference_sample_by_length_rank,
    sample_by_length_rank,
)


def share_kept(num_words, index, num_rounds=4000):
    rng = random.Random(0)
    kept = 0
    for _ in range(num_rounds):
        kept += sample_by_length_rank(num_words, [rng.random() for _ in num_words])[index]
    return kept / num_rounds


def test_the_shortest_always_goes_and_the_longest_stays():
    lengths = list(range(100))
    assert share_kept(lengths, 0, 100) == 0.0
    assert share_kept(lengths, 99, 100) == 1.0


def test_the_median_stays_with_three_quarters():
    assert share_kept(list(range(101)), 50) == pytest.approx(0.75, abs=0.03)


def test_equal_texts_stay_with_three_quarters_each():
    assert share_kept([7] * 10, 3) == pytest.approx(0.75, abs=0.03)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(0, 1000))
def test_at_least_one_survives(lengths, seed):
    rng = random.Random(seed)
    assert any(sample_by_length_rank(lengths, [rng.random() for _ in lengths]))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30), st.integers(0, 1000))
def test_with_equal_draws_a_longer_text_is_never_dropped_before_a_shorter(lengths, seed):
    draw = random.Random(seed).random()
    kept = sample_by_length_rank(lengths, [draw] * len(lengths))
    kept_lengths = [length for length, keep in zip(lengths, kept, strict=True) if keep]
    dropped = [length for length, keep in zip(lengths, kept, strict=True) if not keep]
    assert not dropped or max(dropped) <= min(kept_lengths)


def test_draws_depend_on_seed_and_id_alone():
    first = draw_per_item(0, ["a", "b", "c"])
    assert draw_per_item(0, ["c", "a"]) == [first[2], first[0]]
    assert draw_per_item(1, ["a"]) != first[:1]


@pytest.mark.parametrize(("num_words", "draws"), [([], []), ([1, 2], [0.5])])
def test_texts_and_draws_must_match(num_words, draws):
    for sample in (sample_by_length_rank, reference_sample_by_length_rank):
        with pytest.raises(ValueError, match="texts and"):
            sample(num_words, draws)
