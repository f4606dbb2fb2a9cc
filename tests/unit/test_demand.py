"""Length demands: read in any usual wording, drawn so that they are met, put into words."""

import random
from itertools import product

import pytest

from filters.demand import Demand, DemandKind, demands_in
from filters.text.numerals import read_number, spell_chinese, spell_english
from synth.collect_config import CollectConfig
from synth.final.demands import draw_demand, phrase_of, with_phrase

ABOUT, RANGE, ABOVE, BELOW = DemandKind
NUMBERS = (80, 350, 700, 1200, 2000, 3500, 4250, 8000, 12_000, 15_500)
ENGLISH = {
    ABOUT: (
        "about {n} words",
        "a {n}-word essay on tea",
        "Write around {n} words on tea.",
        "approximately {n} words long",
        "Word count: {n}",
    ),
    ABOVE: (
        "at least {n} words",
        "no fewer than {n} words, please",
        "more than {n} words",
        "{n} words or more",
        "a minimum of {n} words",
        "{n}+ words",
    ),
    BELOW: (
        "at most {n} words",
        "no more than {n} words",
        "in fewer than {n} words",
        "{n} words or less",
        "up to {n} words",
        "not exceeding {n} words",
    ),
    RANGE: (
        "between {n} and {m} words",
        "{n}-{m} words",
        "from {n} to {m} words",
        "a story of {n} to {m} words",
    ),
}
CHINESE = {
    ABOUT: (
        "写一篇{n}字左右的文章",
        "大约{n}字",
        "约{n}个字的故事",
        "一篇{n}字的报告",
        "字数：{n}字",
    ),
    ABOVE: (
        "不少于{n}字",
        "至少{n}字的小说",
        "{n}字以上",
        "超过{n}字",
        "字数最少{n}字",
        "不低于{n}字",
    ),
    BELOW: (
        "不超过{n}字",
        "至多{n}字",
        "{n}字以内",
        "{n}字以下的短文",
        "少于{n}字",
        "控制在{n}字以内",
    ),
    RANGE: ("{n}到{m}字", "{n}-{m}字", "字数在{n}至{m}字之间", "{n}字到{m}字"),
}


def spellings(number, language):
    """Yield ways to write a number; the place in the list says which one a case takes."""
    words = spell_chinese(number) if language == "zh" else spell_english(number)
    short = [f"{number / 1000:g}{'千' if language == 'zh' else 'k'}"] if number % 500 == 0 else []
    return [str(number), f"{number:,}", words, *short]


def phrasings(language):
    """Yield cases: text, and the demand that it makes."""
    table = CHINESE if language == "zh" else ENGLISH
    cases = [(kind, form) for kind, forms in table.items() for form in forms]
    for place, ((kind, form), number) in enumerate(product(cases, NUMBERS)):
        more = number * 3 // 2 // 10 * 10
        ways = spellings(number, language), spellings(more, language)
        way = place % (2 if "-{m}" in form else min(map(len, ways)))
        write = [found[way] for found in ways]
        high = more if kind is RANGE else number
        yield form.format(n=write[0], m=write[1]), Demand(kind, number, high)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_demands_are_read_in_two_hundred_phrasings(language):
    cases = list(phrasings(language))
    assert len(cases) >= 200
    wrong = [
        (text, demands_in(text))
        for text, demand in cases
        if [found.demand for found in demands_in(text)] != [demand]
    ]
    assert not wrong


@pytest.mark.parametrize(
    "text",
    [
        "In other words, tell me of the sea.",
        "Describe the sea in three words.",
        "The year 2000 in words and pictures",
        "Write a story about a password of 12 words.",
        "写一个关于十字路口的故事",
        "用三个字形容大海",
        "千字文的历史",
    ],
)
def test_what_asks_for_no_length(text):
    assert demands_in(text) == []


@pytest.mark.parametrize("number", [*range(1, 400), *range(400, 100_000, 877)])
def test_spelled_numbers_are_read_again(number):
    assert read_number(spell_english(number)) == number
    assert read_number(spell_chinese(number)) == number


@pytest.mark.parametrize("language", ["en", "zh"])
def test_drawn_demands_are_met_and_read_again(language):
    config = CollectConfig(demands={"none": 0.0}, number_words=0.5)
    kinds = set()
    for num_words in [*range(60, 1000, 13), *range(1000, 12_000, 211)]:
        for seed in range(4):
            rng = random.Random(f"{num_words}:{seed}")
            demand = draw_demand(num_words, config, rng)
            assert demand is not None
            assert demand.is_met(num_words)
            phrase = phrase_of(demand, language, config, rng)
            query = with_phrase(
                "写茶" if language == "zh" else "Write on tea.", phrase, language, rng
            )
            assert [found.demand for found in demands_in(query)] == [demand], query
            kinds.add(demand.kind)
    assert kinds == set(DemandKind)


def test_more_than_so_many_words_are_more():
    config = CollectConfig(demands={"about": 0, "range": 0, "below": 0, "none": 0})
    for num_words in range(100, 3000, 50):
        demand = draw_demand(num_words, config, random.Random(num_words))
        assert demand is not None
        assert demand.kind is ABOVE
        assert demand.low < num_words


def test_shares_are_as_configured():
    config = CollectConfig()
    drawn = [draw_demand(2345, config, random.Random(seed)) for seed in range(4000)]
    shares = config.demands.model_dump()
    for kind, share in shares.items():
        found = sum((one.kind.value if one else "none") == kind for one in drawn) / len(drawn)
        assert abs(found - share / sum(shares.values())) < 0.03
