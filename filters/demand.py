"""Length demands in instructions: found, in any usual wording, and compared."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from filters.length_score import LengthDemand
from filters.text.numerals import CHINESE_NUMBER, ENGLISH_NUMBER, read_number

_MIN_WORDS = 30
"""Fewer words are no length: "in three words"."""


class DemandKind(StrEnum):
    """How a length is asked for."""

    ABOUT = "about"
    RANGE = "range"
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Demand:
    """A length that is asked for, in words; in Chinese, in characters."""

    kind: DemandKind
    low: int
    high: int
    """The same as `low` but for a range."""

    @property
    def lengths(self) -> LengthDemand:
        """The lengths that meet it, as LonGen counts them."""
        if self.kind is DemandKind.ABOUT:
            return LengthDemand.about(self.low)
        if self.kind is DemandKind.ABOVE:
            return LengthDemand.above(self.low)
        if self.kind is DemandKind.BELOW:
            return LengthDemand.below(self.low)
        return LengthDemand(self.low, self.high)

    @property
    def middle(self) -> float:
        """The one length that it asks for, where one is needed: of a range, its middle."""
        return (self.low + self.high) / 2

    def is_met(self, num_words: int) -> bool:
        """Tell whether a length meets it wholly."""
        return self.lengths.low <= num_words <= self.lengths.high


@dataclass(frozen=True, slots=True)
class FoundDemand:
    """A demand, and where it stands."""

    demand: Demand
    start: int
    end: int


_ABOVE = (
    r"at least|at minimum|no (?:less|fewer) than|not (?:less|fewer) than|more than|over|above|"
    r"(?:a )?minimum(?: length)?(?: of| is)?|exceed(?:s|ing)?|longer than|upwards of"
)
_BELOW = (
    r"at most|no more than|not more than|no longer than|(?:fewer|less|shorter) than|under|below|"
    r"up to|(?:a )?maximum(?: length)?(?: of| is)?|within|not exceed(?:s|ing)?"
)
_ABOUT = r"about|around|roughly|approximately|approx\.?|circa|some|nearly|close to|exactly"
_AFTER_ABOVE = r"or (?:more|longer|above)|(?:at )?minimum|at least|and (?:above|up)"
_AFTER_BELOW = r"or (?:less|fewer|shorter|under)|(?:at )?maximum|at most|max\b|or below"
_JOIN = r"\s*(?:-|–|—|~|to|and)\s*"

_ENGLISH = re.compile(
    rf"(?:\b(?P<below>not exceed(?:s|ing)?|{_BELOW})\s+|\b(?P<above>{_ABOVE})\s+"
    rf"|\b(?P<about>{_ABOUT})\s+|~\s*)?"
    rf"(?:\b(?:between|from)\s+)?"
    rf"(?P<one>{ENGLISH_NUMBER})(?:{_JOIN}(?P<other>{ENGLISH_NUMBER}))?(?P<plus>\s*\+)?"
    rf"[\s-]*words?\b"
    rf"(?:[\s,(-]*(?:\b(?P<after_above>{_AFTER_ABOVE})|\b(?P<after_below>{_AFTER_BELOW})))?"
)
_ENGLISH_COUNT = re.compile(
    rf"\bword[ -](?:count|limit|length)(?: (?:of|is|should be|must be))?:?\s+"
    rf"(?:(?P<below>{_BELOW})\s+|(?P<above>{_ABOVE})\s+|(?P<about>{_ABOUT})\s+)?"
    rf"(?:between\s+)?(?P<one>{ENGLISH_NUMBER})(?:{_JOIN}(?P<other>{ENGLISH_NUMBER}))?"
    r"(?P<plus>\s*\+)?(?P<after_above>\b\B)?(?P<after_below>\b\B)?(?!\s*words?\b)"
)
_CHINESE = re.compile(
    r"(?:(?P<below>不超过|不多于|不得超过|不要超过|至多|最多|少于|低于|小于|控制在(?=[^之]{1,12}(?:以内|以下)))"
    r"|(?P<above>不少于|不低于|不得少于|不能少于|至少|最少|超过|多于|大于|高于)"
    r"|(?P<about>大约|大概|约为|约|接近|将近|近))?\s*"
    rf"(?P<one>{CHINESE_NUMBER})(?:\s*(?:个?字)?\s*(?:到|至|-|–|—|~|～)\s*(?P<other>{CHINESE_NUMBER}))?"
    r"(?P<plus>多|余|\+)?\s*(?:个?(?:汉字|字|词)|words?)"
    r"(?:[^\S\n]*(?:(?P<after_above>以上|起|或以上|或更多)|(?P<after_below>以内|以下|之内|或以下)"
    r"|(?P<after_about>左右|上下|之间)))?"
)


def demands_in(text: str) -> list[FoundDemand]:
    """Find the length demands of an instruction, in their order.

    >>> [found.demand.low for found in demands_in("Write at least two thousand words on tea.")]
    [2000]
    """
    found: list[FoundDemand] = []
    for match in _matches(text):
        demand = _demand_of(match)
        if demand and all(one.end <= match.start() or match.end() <= one.start for one in found):
            found.append(FoundDemand(demand, match.start(), match.end()))
    return sorted(found, key=lambda one: one.start)


def _matches(text: str) -> Iterator[re.Match[str]]:
    lower = text.lower()
    for pattern in (_ENGLISH, _ENGLISH_COUNT, _CHINESE):
        yield from pattern.finditer(lower)


def _demand_of(match: re.Match[str]) -> Demand | None:
    one = read_number(match["one"])
    other = read_number(match["other"]) if match["other"] else None
    if one is None or one < _MIN_WORDS or (match["other"] and other is None):
        return None
    if other is not None:
        # "2-3 thousand" is not read, "1 to 2,000" asks for nothing.
        return Demand(DemandKind.RANGE, one, other) if one < other else None
    if match["above"] or match["after_above"] or match["plus"]:
        return Demand(DemandKind.ABOVE, one, one)
    if match["below"] or match["after_below"]:
        return Demand(DemandKind.BELOW, one, one)
    return Demand(DemandKind.ABOUT, one, one)
