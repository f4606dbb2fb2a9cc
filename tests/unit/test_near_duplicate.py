"""Near-duplicates by ROUGE-L over script units."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from filters import InstructionIndex


@pytest.mark.parametrize(
    ("first", "second", "similarity"),
    [
        ("one two three four", "one two three four", 1.0),
        ("One, two; three FOUR!", "one two three four", 1.0),
        ("one two three four", "one two three five", 0.75),
        ("一二三四", "一二三五", 0.75),
        ("one two", "three four", 0.0),
        ("a b c d e f", "a c e", 2 * 3 / 9),
    ],
)
def test_similarity_is_rouge_l_f1(first, second, similarity):
    assert InstructionIndex([first], min_similarity=0.0).similarity(second) == pytest.approx(
        similarity
    )


def test_the_nearest_counts():
    index = InstructionIndex(["one two", "three four five"], min_similarity=0.5)
    index.add("six seven")
    assert index.similarity("three four six") == pytest.approx(4 / 6)
    assert InstructionIndex().similarity("anything") == 0.0


@given(
    texts=st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=14), min_size=2),
    min_similarity=st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9, 1.0]),
)
@settings(max_examples=300, deadline=None)
def test_no_similar_text_is_missed(texts, min_similarity):
    *known, asked = texts
    index = InstructionIndex(map(" ".join, known), min_similarity=min_similarity)
    nearest = max(Indel.normalized_similarity(asked, text) for text in known)
    expected = nearest if nearest >= min_similarity else 0.0
    assert index.similarity(" ".join(asked)) == pytest.approx(expected)
