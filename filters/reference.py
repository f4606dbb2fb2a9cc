"""The reference's rules, decided as it decides, so that results can be compared with it."""

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from filters.rule import KEEP, UNKNOWN, Circumstances, Verdict, Watch
from filters.text.ngrams import is_first, ngram_hashes
from selflengthen.settings import Settings

REFERENCE_QWEN_NGRAM_UNITS = 13
REFERENCE_LLAMA_NGRAM_WORDS = 10

# Source: Self-Lengthen, `check_response` in `qwen/` and `llama/`, commit 004e880.
_REFERENCE_QWEN_ENDINGS = frozenset("。！？”)]}>）】’…`")
_REFERENCE_LLAMA_ENDINGS = frozenset(".!?,;:-\"')]}>`")
# Source: Self-Lengthen, `check_response` in `llama/`, commit 004e880.
_REFERENCE_LLAMA_WORDS = ("revised", "revision", "response", "version", "paragraph")
_ASCII_RUN_OR_CODE_POINT = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]", re.DOTALL)


class ReferenceQwenProfile(Settings):
    """The reference's rules in `qwen/`: ending, then any repeated 13-gram.

    Source: Self-Lengthen, `check_response` in `qwen/`, commit 004e880.
    """

    profile: Literal["reference-qwen"] = "reference-qwen"
    """Name of the profile."""
    references: ClassVar[tuple[tuple[str, str], ...]] = ()

    @property
    def name(self) -> str:
        """What records call it."""
        return self.profile

    def judge(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
        """Judge by the text alone; reasons are `punctuation` and `ngram`."""
        if not reference_qwen_ends(text):
            return Verdict("punctuation")
        repeats = has_repeated_ngram(reference_qwen_units(text), REFERENCE_QWEN_NGRAM_UNITS)
        return Verdict("ngram") if repeats else KEEP

    def trim(self, text: str) -> str:
        """Return the text as it is."""
        return text

    def judge_beginning(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
        """Judge paragraphs that others will follow: a repeated n-gram stays one."""
        repeats = has_repeated_ngram(reference_qwen_units(text)[:-1], REFERENCE_QWEN_NGRAM_UNITS)
        return Verdict("ngram") if repeats else KEEP

    def score(self, text: str) -> float:
        """Return 1: the reference does not grade texts."""
        return 1.0

    def watch(self, known: Circumstances = UNKNOWN) -> Watch:
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
    references: ClassVar[tuple[tuple[str, str], ...]] = ()

    @property
    def name(self) -> str:
        """What records call it."""
        return self.profile

    def judge(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
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

    def judge_beginning(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
        """Judge paragraphs that others will follow: a repeated n-gram stays one."""
        repeats = has_repeated_ngram(reference_llama_units(text)[:-1], REFERENCE_LLAMA_NGRAM_WORDS)
        return Verdict("ngram") if repeats else KEEP

    def score(self, text: str) -> float:
        """Return 1: the reference does not grade texts."""
        return 1.0

    def watch(self, known: Circumstances = UNKNOWN) -> Watch:
        """Return a fresh watch for one response."""
        return RepeatedNgramWatch(reference_llama_units, REFERENCE_LLAMA_NGRAM_WORDS)

    def watch_draft(self) -> None:
        """Return no watch for a draft: the reference judges only what it becomes a part of."""


def reference_qwen_ends(text: str) -> bool:
    """Tell whether the last code point is one that the reference's qwen check accepts."""
    return text.rstrip()[-1:] in _REFERENCE_QWEN_ENDINGS


def reference_llama_ends(text: str) -> bool:
    """Tell whether the last code point is one that the reference's llama check accepts."""
    return text.rstrip()[-1:] in _REFERENCE_LLAMA_ENDINGS


def reference_llama_meta_word(text: str) -> str | None:
    """Return the meta word in the first two or last three lines, by substring.

    Empty lines at the beginning count.

    Source: Self-Lengthen, `check_response` in `llama/`, commit 004e880.
    """
    lines = text.rstrip().split("\n")
    watched = "\n".join([*lines[:2], *lines[-3:]])
    return next((word for word in _REFERENCE_LLAMA_WORDS if word in watched), None)


def reference_qwen_units(text: str) -> list[str]:
    """Split into units: each non-ASCII code point, and each maximal run of ASCII.

    Source: Self-Lengthen, repetition check in `qwen/`, commit 004e880.
    """
    return _ASCII_RUN_OR_CODE_POINT.findall(text)


def reference_llama_units(text: str) -> list[str]:
    """Split on white space.

    Source: Self-Lengthen, repetition check in `llama/`, commit 004e880.
    """
    return text.split()


def has_repeated_ngram(units_N: Sequence[str], n: int) -> bool:
    """Tell whether any n consecutive units occur twice, overlaps included."""
    return not is_first(ngram_hashes(units_N, n)).all()


class RepeatedNgramWatch:
    """Any repeated n-gram is a loss (the reference profiles); ended by the first one."""

    def __init__(self, split: Callable[[str], Sequence[str]], n: int) -> None:
        self._split = split
        self._n = n
        self._unfinished = ""
        self._last_units: list[str] = []
        self._seen: set[tuple[str, ...]] = set()

    def __call__(self, delta: str) -> str | None:
        """Return `ngram` once n consecutive units have occurred twice."""
        units = self._split(self._unfinished + delta)
        if not units:
            self._unfinished += delta
            return None
        # The last unit may still grow, and what was white space may yet belong to it.
        text = self._unfinished + delta
        self._unfinished = text[text.rindex(units[-1]) :]
        return "ngram" if any(self._repeats(unit) for unit in units[:-1]) else None

    def _repeats(self, unit: str) -> bool:
        self._last_units = [*self._last_units, unit][-self._n :]
        ngram = tuple(self._last_units)
        if len(ngram) < self._n:
            return False
        repeats = ngram in self._seen
        self._seen.add(ngram)
        return repeats
