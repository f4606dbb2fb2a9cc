"""Filter profiles: which rules judge a response, in which order, with which thresholds.

`default` is this project's; `reference-qwen` and `reference-llama` decide as the reference does, so
that results can be compared with it. A profile is a frozen value: its fields are its thresholds.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from filters.default_watch import (
    DefaultWatch,
    LanguageSign,
    LeakSign,
    LengthSign,
    LoopSign,
    OpeningSign,
    Sign,
)
from filters.ending import is_complete, reference_llama_ends, reference_qwen_ends
from filters.language import drifting_stretch, expected_script, script_names, script_share
from filters.loop import LoopBounds, find_loop
from filters.meta import (
    is_closing_offer,
    leaks_prompt,
    opens_with_meta_talk,
    opens_with_refusal,
    reference_llama_meta_word,
)
from filters.prose import prose_segments
from filters.repetition import (
    has_repeated_ngram,
    reference_llama_units,
    reference_qwen_units,
    repeated_share,
)
from filters.trim import trim_remarks
from filters.verdict import KEEP, Verdict
from filters.watch import RepeatedNgramWatch, Watch
from filters.words import count_words, script_units
from selflengthen.settings import Settings

REFERENCE_QWEN_NGRAM_UNITS = 13
REFERENCE_LLAMA_NGRAM_WORDS = 10


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a response beside its text."""

    instruction: str | None = None
    is_truncated: bool = False
    """The engine stopped at the token limit."""
    prompt_lines: tuple[str, ...] = ()
    """Fixed lines of the prompt; a response that repeats one leaks the prompt."""


UNKNOWN = Circumstances()


class ReferenceQwenProfile(Settings):
    """The reference's rules in `qwen/`: ending, then any repeated 13-gram.

    Source: Self-Lengthen, `check_response` in `qwen/`, commit 004e880.
    """

    profile: Literal["reference-qwen"] = "reference-qwen"
    """Name of the profile."""

    def judge(self, text: str, circumstances: Circumstances = UNKNOWN) -> Verdict:
        """Judge by the text alone; reasons are `punctuation` and `ngram`."""
        if not reference_qwen_ends(text):
            return Verdict("punctuation")
        repeats = has_repeated_ngram(reference_qwen_units(text), REFERENCE_QWEN_NGRAM_UNITS)
        return Verdict("ngram") if repeats else KEEP

    def trim(self, text: str) -> str:
        """Return the text as it is."""
        return text

    def watch(self, circumstances: Circumstances = UNKNOWN) -> Watch:
        """Return a fresh watch for one response."""
        return RepeatedNgramWatch(reference_qwen_units, REFERENCE_QWEN_NGRAM_UNITS)

    def watch_draft(self) -> None:
        """Return no watch for a draft: the reference judges only what it becomes a part of."""


class ReferenceLlamaProfile(Settings):
    """The reference's rules in `llama/`: ending, meta words, then any repeated 10-gram.

    Source: Self-Lengthen, `check_response` in `llama/`, commit 004e880.
    """

    profile: Literal["reference-llama"] = "reference-llama"
    """Name of the profile."""

    def judge(self, text: str, circumstances: Circumstances = UNKNOWN) -> Verdict:
        """Judge by the text alone; reasons are `punctuation`, `stopword:<word>` and `ngram`."""
        if not reference_llama_ends(text):
            return Verdict("punctuation")
        if word := reference_llama_meta_word(text):
            return Verdict(f"stopword:{word}")
        repeats = has_repeated_ngram(reference_llama_units(text), REFERENCE_LLAMA_NGRAM_WORDS)
        return Verdict("ngram") if repeats else KEEP

    def trim(self, text: str) -> str:
        """Return the text as it is."""
        return text

    def watch(self, circumstances: Circumstances = UNKNOWN) -> Watch:
        """Return a fresh watch for one response."""
        return RepeatedNgramWatch(reference_llama_units, REFERENCE_LLAMA_NGRAM_WORDS)

    def watch_draft(self) -> None:
        """Return no watch for a draft: the reference judges only what it becomes a part of."""


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

    def judge(self, text: str, circumstances: Circumstances = UNKNOWN) -> Verdict:
        """Judge a response; the first rule that objects gives the reason.

        Reasons: `empty`, `truncated`, `too_short`, `too_long`, `refusal`, `meta_talk`,
        `prompt_leak`, `closing_offer`, `incomplete_ending`, `language_drift`, `loop`, `repetition`.
        """
        if not text.strip():
            return Verdict("empty")
        reason = (
            ("truncated" if circumstances.is_truncated else None)
            or self._judge_length(text)
            or _judge_frame(text, circumstances.prompt_lines)
            or (None if is_complete(text) else "incomplete_ending")
            or self._judge_prose(prose_segments(text), _expected_script(circumstances))
        )
        return Verdict(reason) if reason else KEEP

    def trim(self, text: str) -> str:
        """Cut the assistant's remarks behind a last thematic break."""
        return trim_remarks(text)

    def watch(self, circumstances: Circumstances = UNKNOWN) -> Watch:
        """Return a fresh watch for one response."""
        signs = self._draft_signs()
        signs.append(LeakSign(circumstances.prompt_lines))
        if script := _expected_script(circumstances):
            signs.append(LanguageSign(script, self.stretch_units, self.min_stretch_script_share))
        if self.max_words is not None:
            signs.append(LengthSign(self.max_words))
        return DefaultWatch(signs)

    def watch_draft(self) -> Watch:
        """Return a fresh watch for a text of which only the beginning is used.

        A draft that loops does not find its end any more, so it is lost wherever the loop stands.
        """
        return DefaultWatch(self._draft_signs())

    def _draft_signs(self) -> list[Sign]:
        return [OpeningSign(), LoopSign(self._loop_bounds)]

    @property
    def _loop_bounds(self) -> LoopBounds:
        return LoopBounds(self.loop_max_period, self.loop_min_repeats, self.loop_min_units)

    def _judge_length(self, text: str) -> str | None:
        if self.min_words is None and self.max_words is None:
            return None
        num_words = count_words(text)
        if self.min_words is not None and num_words < self.min_words:
            return "too_short"
        return "too_long" if self.max_words is not None and num_words > self.max_words else None

    def _judge_prose(self, segments: list[str], script: str | None) -> str | None:
        if script and self._drifts(script_names("\n".join(segments)), script):
            return "language_drift"
        units = [script_units(segment) for segment in segments]
        if any(find_loop(segment_units, self._loop_bounds) for segment_units in units):
            return "loop"
        share = repeated_share(units, self.repeated_ngram_units)
        return "repetition" if share > self.max_repeated_share else None

    def _drifts(self, names: list[str], script: str) -> bool:
        return script_share(names, script) < self.min_script_share or drifting_stretch(
            names, script, self.stretch_units, self.min_stretch_script_share
        )


def _expected_script(circumstances: Circumstances) -> str | None:
    return expected_script(circumstances.instruction) if circumstances.instruction else None


def _judge_frame(text: str, prompt_lines: tuple[str, ...]) -> str | None:
    """Judge the first and last line, and what can only come from a prompt."""
    lines = text.strip().split("\n")
    if opens_with_refusal(lines[0]):
        return "refusal"
    if opens_with_meta_talk(lines[0]):
        return "meta_talk"
    if leaks_prompt(text, prompt_lines):
        return "prompt_leak"
    return "closing_offer" if is_closing_offer(lines[-1]) else None


Profile = Annotated[
    DefaultProfile | ReferenceQwenProfile | ReferenceLlamaProfile, Field(discriminator="profile")
]
PROFILES = {
    "default": DefaultProfile,
    "reference-qwen": ReferenceQwenProfile,
    "reference-llama": ReferenceLlamaProfile,
}
