"""The reference profiles decide every recorded case as the reference did."""

import random

import pytest

from filters import PROFILES, LengthDemand, count_words, reference_sample_by_length_rank
from golden_cases import GOLDEN


@pytest.mark.parametrize("variant", ["qwen", "llama"])
def test_verdict_and_reason_equal_the_reference(variant):
    profile = PROFILES[f"reference-{variant}"]()
    assert len(GOLDEN["check_response"]) == 89
    for case in GOLDEN["check_response"]:
        verdict = profile.judge(case["text"])
        expected = case[variant]
        assert (verdict.keep, verdict.reason) == (expected["ok"], expected.get("reason")), case


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n\nThe response.\nA.\nB.\nC.", None),
        ("\nThe response.\nA.\nB.\nC.", "stopword:response"),
        ("A.\nB.\nC.\nD.\nThe response.\n\n\n", "stopword:response"),
        (" \nA.\nThe version.\nB.\nC.\nD.", None),
    ],
)
def test_the_first_two_lines_of_the_llama_rules_are_the_raw_text_s(text, reason):
    assert PROFILES["reference-llama"]().judge(text).reason == reason


def test_word_counts_equal_the_reference():
    assert len(GOLDEN["count_words"]) == 50
    for case in GOLDEN["count_words"]:
        assert count_words(case["text"]) == case["n"], case


def test_length_sampling_equals_the_reference():
    assert len(GOLDEN["drop_short"]) == 13
    for case in GOLDEN["drop_short"]:
        rng = random.Random(case["seed"])
        kept = reference_sample_by_length_rank(case["lens"], [rng.random() for _ in case["lens"]])
        assert [index for index, keep in enumerate(kept) if keep] == case["kept"], case


def test_share_kept_by_length_sampling_equals_the_reference():
    rng, num_texts, num_rounds = random.Random(0), 100, 200
    kept = sum(
        sum(
            reference_sample_by_length_rank(
                range(num_texts), [rng.random() for _ in range(num_texts)]
            )
        )
        for _ in range(num_rounds)
    )
    assert kept / num_texts / num_rounds == pytest.approx(GOLDEN["drop_short_keep_rate"], abs=0.01)


def test_length_scores_equal_the_reference():
    demands = {
        "about": LengthDemand.about(2000),
        "range": LengthDemand(2000, 3000),
        "above": LengthDemand.above(2000),
        "below": LengthDemand.below(2000),
    }
    assert len(GOLDEN["length_following"]) == 16
    for case in GOLDEN["length_following"]:
        scores = {kind: demand.score(case["gen_length"]) for kind, demand in demands.items()}
        assert scores == pytest.approx({kind: case[kind] for kind in demands}), case
        assert sum(scores.values()) / len(scores) == pytest.approx(case["Overall"])
