"""The rules about structure: they see faults, and none where there are none."""

import pytest

from filters import Circumstances
from filters.profile import DefaultProfile
from filters.text.judged import JudgedText
from structure_texts import DEFECTS, LOOKALIKES

DEFAULT = DefaultProfile()
IN_ENGLISH = Circumstances("Write a text about a place and its people.")
IN_CHINESE = Circumstances("写一篇关于一个地方和那里的人的文章。")


def known(text):
    return IN_CHINESE if sum(map(str.isascii, text)) < len(text) / 2 else IN_ENGLISH


def reasons(text):
    judged = JudgedText(text)
    found = (rule.judge(judged, known(text)) for rule in DEFAULT._rules)
    return {reason for reason in found if reason}


@pytest.mark.parametrize("reason", DEFECTS)
def test_a_rule_sees_its_faults(reason):
    missed = [text for text in DEFECTS[reason] if reason not in reasons(text)]
    assert not missed


@pytest.mark.parametrize("reason", LOOKALIKES)
def test_what_only_looks_like_a_fault_is_kept(reason):
    judged = {text: reasons(text) for text in LOOKALIKES[reason]}
    assert not {text: found for text, found in judged.items() if found}


def test_every_fault_has_its_lookalikes():
    assert set(DEFECTS) == set(LOOKALIKES)
