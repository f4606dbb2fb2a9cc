"""Filter profiles: which rules judge a response, in which order, with which thresholds.

`default` is this project's; `reference-qwen` and `reference-llama` decide as the reference does, so
that results can be compared with it. A profile is a frozen value: its fields are its thresholds.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from filters.own import PROFILE_KEY, RULES_KEY, OwnProfile, OwnRule
from filters.reference import ReferenceLlamaProfile, ReferenceQwenProfile
from filters.rule import (
    KEEP,
    UNKNOWN,
    Circumstances,
    GradedRule,
    Rule,
    SignWatch,
    Verdict,
    Watch,
)
from filters.rules.closure import ClosureRule
from filters.rules.drift import DriftRule
from filters.rules.ending import EndingRule
from filters.rules.leak import LeakRule
from filters.rules.length import LengthRule, WholeRule
from filters.rules.meta import OfferRule, OpeningRule
from filters.rules.noise import NoiseRule, StrayScriptRule
from filters.rules.prefix import PrefixSign
from filters.rules.quotation import QuotationRule
from filters.rules.remarks import RemarkRule
from filters.rules.repeats.frames import FrameRule
from filters.rules.repeats.local import LocalRepeatRule
from filters.rules.repeats.loop import LoopBounds, LoopRule
from filters.rules.repeats.near_repeat import NearRepeatRule
from filters.rules.repeats.poverty import PovertyRule
from filters.rules.repeats.repetition import RepetitionRule
from filters.rules.stray import StrayRule
from filters.text.judged import JudgedText
from filters.trim import Settling, trim_remarks
from selflengthen.errors import UsageError
from selflengthen.plugins import resolve
from selflengthen.settings import Settings, is_reference

_OF_STRUCTURE = (
    *(StrayRule, NoiseRule, LoopRule, RepetitionRule, PovertyRule, FrameRule, NearRepeatRule),
    *(LocalRepeatRule, RemarkRule, ClosureRule, QuotationRule),
)


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
    max_stray_words: int = Field(0, ge=0)
    """Most words of a script that neither text nor task are in."""
    poor_stretch_words: int = Field(150, ge=20)
    """Length of the stretches of which each must say something new, in words.

    Source of this and the next eight: measured, see docs/reasons.md."""
    min_new_share: float = Field(0.72, ge=0.0, lt=1.0)
    """Smallest share of a stretch's word groups that the text has not said before."""
    min_vocabulary: float = Field(0.42, ge=0.0, le=1.0)
    """Smallest share of different words in a stretch, in scripts with spaces."""
    min_frame_sentences: int = Field(4, ge=2)
    """So many sentences of `frame_window` that open with the same words are a loop."""
    frame_window: int = Field(10, ge=2)
    """Sentences that are looked at together."""
    max_frame_new_share: float = Field(0.8, ge=0.0, le=1.0)
    """Sentences of one frame that bring more new words than this are a figure of speech."""
    min_sentence_similarity: float = Field(0.5, gt=0.0, le=1.0)
    """Jaccard similarity of word pairs from which a sentence nearly repeats another."""
    max_near_repeats: int = Field(1, ge=0)
    """Most sentences of `near_repeat_window` that nearly repeat an earlier one."""
    near_repeat_window: int = Field(60, ge=2)
    """Sentences that are looked at together."""
    max_local_repeats: float = Field(8.0, ge=0.0)
    """Most groups of six words that are said again within 100 words, per 1,000 words.

    Source: one in 855 stretches of human prose exceeds it, see docs/reasons.md."""
    min_units_after_ending: int = Field(100, ge=0)
    """So much text after an ending is no afterword, in script units."""
    min_share_after_ending: float = Field(0.15, ge=0.0, le=1.0)
    """Nor is such a share of the text."""
    max_unpaired_paragraphs: int = Field(0, ge=0)
    """Most paragraphs whose quotation marks do not pair."""
    min_words: int | None = Field(None, ge=1)
    """Shortest response kept, in words."""
    max_words: int | None = Field(None, ge=1)
    """Longest response kept, in words."""
    rules: tuple[str, ...] = Field((), strict=False)
    """Rules of one's own, asked after the profile's: functions or classes, each as
    `package.module:Name`."""

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.min_words and self.max_words and self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} exceeds max_words {self.max_words}")
        return self

    @property
    def name(self) -> str:
        """What records call it."""
        return self.profile

    @property
    def references(self) -> tuple[tuple[str, str], ...]:
        """References to a person's own code, each with its key."""
        return tuple((RULES_KEY, reference) for reference in self.rules)

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        """The rules, in the order in which they are asked."""
        loops = LoopBounds(self.loop_max_period, self.loop_min_repeats, self.loop_min_units)
        return (
            WholeRule(),
            LengthRule(self.min_words, self.max_words),
            OpeningRule(),
            LeakRule(),
            OfferRule(),
            EndingRule(),
            StrayRule(),
            NoiseRule(),
            DriftRule(self.min_script_share, self.min_stretch_script_share, self.stretch_units),
            StrayScriptRule(self.max_stray_words),
            LoopRule(loops),
            RepetitionRule(self.repeated_ngram_units, self.max_repeated_share),
            PovertyRule(self.poor_stretch_words, self.min_new_share, self.min_vocabulary),
            FrameRule(self.min_frame_sentences, self.frame_window, self.max_frame_new_share),
            NearRepeatRule(
                self.min_sentence_similarity, self.max_near_repeats, self.near_repeat_window
            ),
            LocalRepeatRule(self.max_local_repeats),
            RemarkRule(),
            ClosureRule(self.min_units_after_ending, self.min_share_after_ending),
            QuotationRule(self.max_unpaired_paragraphs),
            *map(OwnRule, self.rules),
        )

    def judge(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
        """Judge a response; the first rule that objects gives the reason."""
        judged = JudgedText.of(text)
        reasons = (rule.judge(judged, known) for rule in self._rules)
        reason = next(filter(None, reasons), None)
        return Verdict(reason) if reason else KEEP

    def structural_fault(self, text: str, known: Circumstances = UNKNOWN) -> str | None:
        """Return what is wrong with how a text is built, or None; its end does not count."""
        judged = JudgedText.of(text)
        rules = (rule for rule in self._rules if isinstance(rule, _OF_STRUCTURE))
        return next((reason for rule in rules if (reason := rule.judge(judged, known))), None)

    def score(self, text: str) -> float:
        """Return how far a text is from the limits, from 0 to 1: the mean over the graded rules."""
        judged = JudgedText.of(text)
        graded = [rule for rule in self._rules if isinstance(rule, GradedRule)]
        return 1.0 - sum(rule.strain(judged) for rule in graded) / len(graded)

    def trim(self, text: str) -> str:
        """Cut the assistant's remarks behind the text, and a last quotation mark too many."""
        return trim_remarks(text)

    def judge_beginning(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
        """Judge paragraphs that others will follow; what is dropped is lost whatever they say."""
        judged = JudgedText.beginning(text)
        reasons = (rule.judge(judged, known) for rule in self._rules if rule.is_lasting)
        reason = next(filter(None, reasons), None)
        return Verdict(reason) if reason else KEEP

    def watch(self, known: Circumstances = UNKNOWN) -> Watch:
        """Return a fresh watch for one response."""
        return _watch(self._rules, known)

    def watch_draft(self) -> Watch:
        """Return a fresh watch for a text of which only the beginning is used."""
        return _watch([rule for rule in self._rules if rule.watches_drafts], UNKNOWN)


def _watch(rules: Sequence[Rule], known: Circumstances) -> Watch:
    signs = [sign for rule in rules if (sign := rule.sign(known))]
    lasting = [rule for rule in rules if rule.is_lasting]
    return SignWatch([*signs, PrefixSign(lasting, known)], Settling())


Profile = Annotated[
    DefaultProfile | ReferenceQwenProfile | ReferenceLlamaProfile | OwnProfile,
    Field(discriminator="profile"),
]
PROFILES = {
    "default": DefaultProfile,
    "reference-qwen": ReferenceQwenProfile,
    "reference-llama": ReferenceLlamaProfile,
}


def profile_named(name: str) -> Profile:
    """Return a profile with its defaults: one of `PROFILES`, or `package.module:Name`.

    Raises:
        UsageError: there is none of that name.
        ConfigError: there is no such class.
    """
    if is_reference(name):
        resolve(PROFILE_KEY, name)
        return OwnProfile(reference=name)
    if name not in PROFILES:
        known = ", ".join(PROFILES)
        raise UsageError(
            f"profile {name}: unknown; use one of {known}, or one of yours as package.module:Name"
        )
    profile: Profile = PROFILES[name]()
    return profile
