"""The score of a text, and what length sampling makes of it."""

import pytest
from pydantic import ValidationError

from filters.profile import PROFILES, DefaultProfile
from prose_texts import BODIES
from runs import small_config
from structure_texts import DEFECTS
from synth.method.cohort import _ranks
from synth.method.sample import InitialResponse

DEFAULT = DefaultProfile()
GOOD = "\n\n".join(BODIES[:6])


def test_a_text_that_says_something_new_all_the_time_has_the_best_score():
    assert DEFAULT.score(GOOD) > 0.95


@pytest.mark.parametrize("reason", ["frame_loop", "poor_stretch", "near_repeat"])
def test_a_text_near_a_limit_has_a_lower_score(reason):
    for text in DEFECTS[reason]:
        assert DEFAULT.score(text) < DEFAULT.score(GOOD) - 0.1


@pytest.mark.parametrize("name", ["reference-qwen", "reference-llama"])
def test_the_reference_grades_nothing(name):
    assert PROFILES[name]().score(DEFECTS["loop"][0]) == 1.0


def sample(text, score):
    return InitialResponse("r", None, text, 1, (), score)


def test_length_sampling_can_weigh_the_score():
    samples = [sample("word " * 100, 0.5), sample("word " * 60, 1.0)]
    assert _ranks(samples, small_config().length_sampling) == [100, 60]
    for weight, ranks in ((1.0, [50.0, 60.0]), (2.0, [25.0, 60.0])):
        config = small_config(length_sampling={"quality_weight": weight})
        assert _ranks(samples, config.length_sampling) == ranks


def test_a_weight_below_zero_is_refused():
    with pytest.raises(ValidationError, match="quality_weight"):
        small_config(length_sampling={"quality_weight": -1})
