"""What a rule of a response filter is, and what it is given.

A rule judges a whole text. It may have a sign: its prefix form, which reads a text as it grows and
speaks as soon as the rule is bound to drop it, whatever follows. A sign may stay silent where the
rule drops; it never speaks where the rule keeps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from filters.text.judged import JudgedText


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a text is kept; a dropped text carries exactly one reason, a stable public key."""

    reason: str | None = None

    @property
    def keep(self) -> bool:
        """True when no rule objected."""
        return self.reason is None


KEEP = Verdict()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a response beside its text."""

    instruction: str | None = None
    is_truncated: bool = False
    """The engine stopped at the token limit."""
    prompt_lines: tuple[str, ...] = ()
    """Fixed lines of the prompt; a response that repeats one leaks the prompt."""


UNKNOWN = Circumstances()


class GrowingText:
    """A text as it is written."""

    def __init__(self, settle: Callable[[str], str]) -> None:
        """Take what returns the part of a text that no later trimming removes."""
        self._settle = settle
        self._settled: str | None = None
        self.delta = ""
        """The piece that was added last."""
        self.text = ""
        """All of it, up to and with that piece."""

    def grow(self, delta: str) -> None:
        """Add a piece."""
        self.delta, self._settled = delta, None
        self.text += delta

    @property
    def settled(self) -> str:
        """The part that no later trimming removes."""
        if self._settled is None:
            self._settled = self._settle(self.text)
        return self._settled


Sign = Callable[[GrowingText], str | None]
"""Is shown a text after every piece; returns the rule's reason once the text is lost. It should be
cheap, and before it speaks ask the rule about the settled part."""


class Watch(Protocol):
    """Reads one text as it grows; stateful, one watch per text."""

    def __call__(self, delta: str, /) -> str | None:
        """Take the next piece; return the reason once the text is lost."""


class SignWatch:
    """Shows a growing text to signs; the first that speaks gives the reason."""

    def __init__(self, signs: Sequence[Sign], settle: Callable[[str], str]) -> None:
        self._signs = signs
        self._growing = GrowingText(settle)

    def __call__(self, delta: str) -> str | None:
        """Return the reason once the text is lost."""
        self._growing.grow(delta)
        return next((reason for sign in self._signs if (reason := sign(self._growing))), None)


@runtime_checkable
class GradedRule(Protocol):
    """A rule that tells how near a text is to its limit."""

    def strain(self, text: "JudgedText") -> float:
        """Return a number from 0, nothing of what the rule looks for, to 1, the limit."""


class Rule(Protocol):
    """One rule of a profile."""

    is_lasting: bool
    """Whether it drops every text of which it drops the first paragraphs; the watch then judges the
    complete ones now and then, and the rule needs no sign."""
    watches_drafts: bool
    """Whether its sign is also shown drafts, of which only the beginning is used."""

    def judge(self, text: "JudgedText", known: Circumstances) -> str | None:
        """Return the reason to drop a text, or None."""

    def sign(self, known: Circumstances) -> Sign | None:
        """Return a fresh sign for one text, or None where there is nothing to see early."""
