"""Filter profiles: which rules judge a response, in which order, with which thresholds.

`default` is this project's; `reference-qwen` and `reference-llama` decide as the reference does, so
that results can be compared with it. A profile is a frozen value: its fields are its thresholds.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from filters.reference import ReferenceLlamaProfile, ReferenceQwenProfile
from filters.rule import KEEP, UNKNOWN, Circumstances, Rule, SignWatch, Verdict, Watch
from filters.rules.drift import DriftRule
from filters.rules.ending import EndingRule
from filters.rules.length import LengthRule, WholeRule
from filters.rules.loop import LoopBounds, LoopRule
from filters.rules.meta import LeakRule, OfferRule, OpeningRule
from filters.rules.repetition import RepetitionRule
from filters.text import JudgedText
from filters.trim import settled, trim_remarks
from selflengthen.settings import Settings


class DefaultProfile(Settings):
    """Language-aware rules that leave code blocks and tables alone."""

    profile: Literal["default"] = "default"
    """Name of the profile."""
    repeated_ngram_units: int = Field(10, ge=2)
    """Length of the n-grams whose repetition is measured, in script units.

    Source: the longest of the n-gram rules of Gopher (arXiv 2112.11446, table A1)."""
    max_repeated_share: float = Field(0.10, ge=0.0, le=1.0)
    """Largest share of the prose that may lie in repeated n-grams.

    Source: Gopher's limit for 10-grams (arXiv 2112.11446, table A1), in characters there."""
    loop_max_period: int = Field(48, ge=1)
    """Longest unit that counts as looping, in script units."""
    loop_min_repeats: int = Field(4, ge=2)
    """How many times in a row a unit must be said to be a loop."""
    loop_min_units: int = Field(24, ge=2)
    """Shortest stretch that is a loop, in script units: a short exclamation may repeat."""
    min_script_share: float = Field(0.6, ge=0.0, le=1.0)
    """Smallest share of the prose in the script of the instruction."""
    min_stretch_script_share: float = Field(0.25, ge=0.0, le=1.0)
    """Smallest such share in every stretch of `stretch_units`."""
    stretch_units: int = Field(100, ge=10)
    """Units in a stretch: longer than most quotations, shorter than a drift."""
    min_words: int | None = Field(None, ge=1)
    """Shortest response kept, in words."""
    max_words: int | None = Field(None, ge=1)
    """Longest response kept, in words."""

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.min_words and self.max_words and self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} exceeds max_words {self.max_words}")
        return self

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in the order in which they are asked."""
        loops = LoopBounds(self.loop_max_period, self.loop_min_repeats, self.loop_min_units)
        return (
            WholeRule(),
            LengthRule(self.min_words, self.max_words),
            OpeningRule(),
            LeakRule(),
            OfferRule(),
            EndingRule(),
            DriftRule(self.min_script_share, self.min_stretch_script_share, self.stretch_units),
            LoopRule(loops),
            RepetitionRule(self.repeated_ngram_units, self.max_repeated_share),
        )

    def judge(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
        """Judge a response; the first rule that objects gives the reason."""
        judged = JudgedText(text)
        reasons = (rule.judge(judged, known) for rule in self.rules)
        reason = next(filter(None, reasons), None)
        return Verdict(reason) if reason else KEEP

    def trim(self, text: str) -> str:
        """Cut the assistant's remarks behind a last thematic break."""
        return trim_remarks(text)

    def watch(self, known: Circumstances = UNKNOWN) -> Watch:
        """Return a fresh watch for one response."""
        return _watch(self.rules, known)

    def watch_draft(self) -> Watch:
        """Return a fresh watch for a text of which only the beginning is used."""
        return _watch([rule for rule in self.rules if rule.watches_drafts], UNKNOWN)


def _watch(rules: Iterable[Rule], known: Circumstances) -> Watch:
    signs = (rule.sign(known) for rule in rules)
    return SignWatch([sign for sign in signs if sign], settled)


Profile = Annotated[
    DefaultProfile | ReferenceQwenProfile | ReferenceLlamaProfile, Field(discriminator="profile")
]
PROFILES = {
    "default": DefaultProfile,
    "reference-qwen": ReferenceQwenProfile,
    "reference-llama": ReferenceLlamaProfile,
}
