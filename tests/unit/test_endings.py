"""Texts that end as their genre does are kept; texts that are cut are not."""

import pytest

from filters.profile import DefaultProfile
from prose_texts import BODIES, CUT, ENDINGS

DEFAULT = DefaultProfile()


@pytest.mark.parametrize("genre", ENDINGS)
def test_a_text_that_ends_as_its_genre_does_is_kept(genre):
    for body in BODIES:
        verdict = DEFAULT.judge(f"{body}\n\n{ENDINGS[genre]}")
        assert verdict.reason is None, body


@pytest.mark.parametrize("how", CUT)
def test_a_cut_text_is_dropped(how):
    for body in BODIES:
        assert DEFAULT.judge(f"{body}\n\n{CUT[how]}").reason == "incomplete_ending", body


@pytest.mark.parametrize("end", ["॥", "។", "။", "༎", "۔", "‽", "。", "።"])
def test_full_stops_of_all_scripts_end_a_text(end):
    assert DEFAULT.judge(f"abc abc{end}").reason is None
