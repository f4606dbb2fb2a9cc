"""Rules and profiles of a person's own, by reference."""

from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from filters.rule import KEEP, UNKNOWN, Circumstances, Sign, SignWatch, Verdict, Watch
from filters.text.judged import JudgedText
from selflengthen.errors import ConfigError
from selflengthen.plugins import named, naming, resolve
from selflengthen.settings import Settings

RULES_KEY, PROFILE_KEY = "filter.rules", "filter"


class OwnRule:
    """A person's own rule: a function `(text, known) -> reason or None`, or a class with `judge`.

    The class may have `sign`, `is_lasting` and `watches_drafts` too; see `Rule`.
    """

    def __init__(self, reference: str, key: str = RULES_KEY) -> None:
        """Find it.

        Raises: ConfigError: there is no such rule.
        """
        found: Any = resolve(key, reference)
        self._reference = reference
        self._rule = found() if isinstance(found, type) else None
        self._judge: Any = found if self._rule is None else getattr(self._rule, "judge", None)
        if not callable(self._judge):
            raise ConfigError(
                f"{key}: {reference} is no function and has no method judge; see docs/extending.md"
            )
        self.is_lasting = bool(getattr(self._rule, "is_lasting", False))
        self.watches_drafts = bool(getattr(self._rule, "watches_drafts", False))

    def judge(self, text: JudgedText, known: Circumstances) -> str | None:
        """Ask it.

        Raises: PluginError: it failed.
        """
        with naming(self._reference):
            reason: str | None = self._judge(text, known)
            return reason

    def sign(self, known: Circumstances) -> Sign | None:
        """Return its fresh sign for one text, if it has one."""
        make_sign = getattr(self._rule, "sign", None)
        sign: Sign | None = make_sign(known) if make_sign else None
        return named(self._reference, sign) if sign else None


class OwnProfile(Settings):
    """A person's own profile: a class with `judge`, `trim`, `watch` and `watch_draft`."""

    profile: Literal["own"] = "own"
    """Name of the profile."""
    reference: str = Field(min_length=3)
    """The class, as `package.module:Name`."""

    @property
    def name(self) -> str:
        """What records call it."""
        return self.reference

    @property
    def references(self) -> tuple[tuple[str, str], ...]:
        """Its references, each with its key."""
        return ((PROFILE_KEY, self.reference),)

    @cached_property
    def _own(self) -> Any:  # noqa: ANN401 - anybody's
        return resolve(PROFILE_KEY, self.reference)()

    def judge(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
        """Judge a response; its reason, or None, is the class's answer."""
        with naming(self.reference):
            reason: str | None = self._own.judge(text, known)
        return Verdict(reason) if reason else KEEP

    def judge_beginning(self, text: str, known: Circumstances = UNKNOWN) -> Verdict:
        """Judge paragraphs that others will follow, as the class's watch does."""
        reason = self.watch(known)(text)
        return Verdict(reason) if reason else KEEP

    def score(self, text: str) -> float:
        """Return the class's score of a text, from 0 to 1; without one, 1."""
        score = getattr(self._own, "score", None)
        with naming(self.reference):
            return float(score(text)) if score else 1.0

    def trim(self, text: str) -> str:
        """Cut what is no part of the text."""
        with naming(self.reference):
            return str(self._own.trim(text))

    def watch(self, known: Circumstances = UNKNOWN) -> Watch:
        """Return a fresh watch for one response; the class may have none."""
        with naming(self.reference):
            watch: Watch | None = self._own.watch(known)
        return named(self.reference, watch) if watch else SignWatch([], str)

    def watch_draft(self) -> Watch | None:
        """Return a fresh watch for a text of which only the beginning is used, or none."""
        with naming(self.reference):
            watch: Watch | None = self._own.watch_draft()
        return named(self.reference, watch) if watch else None
