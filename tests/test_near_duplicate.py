"""Near-duplicates by ROUGE-L over script units."""

import pytest

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
    assert InstructionIndex([first]).similarity(second) == pytest.approx(similarity)


def test_the_nearest_counts():
    index = InstructionIndex(["one two", "three four five"])
    index.add("six seven")
    assert index.similarity("three four six") == pytest.approx(4 / 6)
    assert InstructionIndex().similarity("anything") == 0.0
