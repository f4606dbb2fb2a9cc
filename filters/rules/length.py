"""What is no whole text, or one of another length than asked for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filters.text.words import count_words

if TYPE_CHECKING:
    from filters.rule import Circumstances, GrowingText, Sign
    from filters.text.judged import JudgedText


class WholeRule:
    """Nothing, or a text that the token limit cut: `empty`, `truncated`."""

    is_lasting = False
    watches_drafts = False

    def judge(self, text: "JudgedText", known: "Circumstances") -> str | None:
        """Judge whether there is a whole text."""
        if not text.strip():
            return "empty"
        return "truncated" if known.is_truncated else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: a text that is whole so far is not cut."""


@dataclass(frozen=True, slots=True)
class LengthRule:
    """Too few words, or too many: `too_short`, `too_long`."""

    min_words: int | None
    max_words: int | None
    is_lasting = False
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Count words."""
        if self.min_words is None and self.max_words is None:
            return None
        num_words = count_words(text)
        if self.min_words is not None and num_words < self.min_words:
            return "too_short"
        return "too_long" if self.max_words is not None and num_words > self.max_words else None

    def sign(self, _known: "Circumstances") -> "Sign | None":
        """Return a fresh sign, where there is a longest length."""
        return None if self.max_words is None else LengthSign(self.max_words)


class LengthSign:
    """More words than a response may have."""

    def __init__(self, max_words: int) -> None:
        self._max_words = max_words
        self._num_words = 0
        self._num_read = 0

    def __call__(self, growing: "GrowingText") -> str | None:
        """Return `too_long`."""
        text = growing.text
        last_space = max(text.rfind(" "), text.rfind("\n"))
        if last_space >= self._num_read:
            self._num_words += count_words(text[self._num_read : last_space])
            self._num_read = last_space
        # The last word may still grow, but it is one.
        if self._num_words <= self._max_words:
            return None
        return "too_long" if count_words(growing.settled) > self._max_words else None
