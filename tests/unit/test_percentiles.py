"""Percentiles of counted values are those of the list they came from."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from selflengthen.percentiles import percentiles


@given(st.lists(st.integers(0, 30), min_size=1))
def test_counted_values_have_the_nearest_rank_percentiles_of_the_list(values):
    ordered, last = sorted(values), len(values) - 1
    expected = {f"p{share}": ordered[round(last * share / 100)] for share in (10, 50, 90, 100)}
    assert percentiles(Counter(values)) == expected
