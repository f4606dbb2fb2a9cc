"""Which length a query will ask for, and in which words."""

import random
from collections.abc import Callable

from filters.demand import Demand, DemandKind
from filters.text.numerals import spell_chinese, spell_english
from synth.collect_config import CollectConfig

# Source: Self-Lengthen, `add_length_control.py`, commit 004e880: to 1,000 words, in a fifth of the
# cases 2,000, and to 100 below 1,000. Here the coarsest that the text meets.
_STEPS = (1000, 500, 200, 100, 50, 20, 10)
_MIN_WORDS = 30
_WIDE = 0.2
# Nearer than a demand must be met: about 10 % off, or a bound that tells something.
_NEAR = 0.1
_BOUND = 1.4

_PHRASES = {
    "en": {
        DemandKind.ABOUT: ("about {low} words", "around {low} words", "roughly {low} words"),
        DemandKind.RANGE: ("between {low} and {high} words", "{low} to {high} words"),
        DemandKind.ABOVE: ("at least {low} words", "more than {low} words", "{low} words or more"),
        DemandKind.BELOW: ("at most {low} words", "fewer than {low} words", "up to {low} words"),
    },
    "zh": {
        DemandKind.ABOUT: ("{low}字左右", "大约{low}字", "约{low}字"),
        DemandKind.RANGE: ("{low}到{high}字", "{low}至{high}字之间"),
        DemandKind.ABOVE: ("不少于{low}字", "至少{low}字", "{low}字以上"),
        DemandKind.BELOW: ("不超过{low}字", "至多{low}字", "{low}字以内"),
    },
}
_SENTENCES = {
    "en": (
        "{query} Write {phrase}.",
        "{query} The text should have {phrase}.",
        "{query} Length: {phrase}.",
        "Please write {phrase}. {query}",
        "{query} ({phrase})",
    ),
    "zh": (
        "{query}字数要求：{phrase}。",
        "{query}全文{phrase}。",
        "请写{phrase}。{query}",
        "{query}（{phrase}）",
    ),
}


def draw_demand(
    num_words: int, config: CollectConfig, rng: random.Random, *, always: bool = False
) -> Demand | None:
    """Draw a demand that a text of so many words meets; None: it is to have none, or is too short.

    Args:
        always: It is not to have none; where no kind is likely, about so many words.

    Source: the shares of Self-Lengthen, `add_length_control.py`, commit 004e880.
    """
    shares = config.demands.model_dump(exclude={"none"} if always else None)
    if not any(shares.values()):
        shares["about"] = 1.0
    kind = rng.choices(list(shares), weights=list(shares.values()))[0]
    if kind == "none" or num_words < _MIN_WORDS:
        return None
    is_wide = rng.random() < _WIDE
    candidates = (_candidate(DemandKind(kind), num_words, step, is_wide) for step in _STEPS)
    return next((one for one in candidates if one and one.is_met(num_words)), None)


def phrase_of(demand: Demand, language: str, config: CollectConfig, rng: random.Random) -> str:
    """Put a demand into words."""
    spelled = rng.random() < config.number_words
    write = _spelling(language, rng, spelled=spelled)
    phrase = rng.choice(_PHRASES[language][demand.kind])
    return phrase.format(low=write(demand.low), high=write(demand.high))


def with_phrase(query: str, phrase: str, language: str, rng: random.Random) -> str:
    """Put a phrase beside a query, in a sentence of its own."""
    query = query.strip()
    if query[-1:] not in ".!?。！？)）":
        query += "。" if language == "zh" else "."
    return rng.choice(_SENTENCES[language]).format(query=query, phrase=phrase)


def _candidate(kind: DemandKind, num_words: int, step: int, is_wide: bool) -> Demand | None:
    below = num_words // step * step
    above = below + step
    nearest = below if num_words - below <= above - num_words else above
    if min(below, nearest, (num_words - 1) // step * step) < _MIN_WORDS:
        return None
    if kind is DemandKind.ABOUT:
        is_near = abs(num_words - nearest) <= _NEAR * nearest
        return Demand(kind, nearest, nearest) if is_near else None
    if kind is DemandKind.RANGE:
        high = above + step * is_wide
        return Demand(kind, below, high) if high <= _BOUND * below else None
    # "More than 500 words" are not 500.
    bound = (num_words - 1) // step * step if kind is DemandKind.ABOVE else above
    is_telling = max(bound, num_words) <= _BOUND * min(bound, num_words)
    return Demand(kind, bound, bound) if is_telling else None


def _spelling(language: str, rng: random.Random, *, spelled: bool) -> Callable[[int], str]:
    """Return how all numbers of a phrase are written."""
    if spelled:
        return spell_chinese if language == "zh" else spell_english
    return str if language == "zh" or rng.random() < _WIDE else "{:,}".format
