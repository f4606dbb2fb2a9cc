"""Whether a person's own rule or profile keeps the promises that a run relies on."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from filters.own import OwnRule
from filters.rule import Circumstances, SignWatch, Watch
from filters.text.judged import JudgedText
from filters.trim import Settling
from selflengthen.errors import ConfigError, PluginError
from selflengthen.plugins import naming, resolve

KEY = "check-plugin"
_PIECES = (1, 7, 64)
"""Characters in a piece of a stream."""
_REASON = re.compile(r"[a-z][a-z0-9_]*(?::.+)?")
_SHOWN_CHARS = 60

Judge = Callable[[str], str | None]
NewWatch = Callable[[], Watch | None]


def check_plugin(reference: str, texts: Iterable[str]) -> int:
    """Check a rule or profile on texts; return how many there were.

    Raises: ConfigError: it breaks a promise, with the text's beginning.
    """
    number = 0
    for number, text in enumerate(texts, start=1):
        judge, new_watch = _parts_of(reference)
        shown = text[:_SHOWN_CHARS].replace("\n", " ")
        try:
            with naming(reference):
                objection = next(_objections(text, judge, new_watch), None)
        except PluginError as error:
            raise ConfigError(f"{error.what}; text {number}: {shown!r}") from error
        if objection:
            raise ConfigError(f"{reference}: {objection}; text {number}: {shown!r}")
    return number


def _parts_of(reference: str) -> tuple[Judge, NewWatch]:
    """Return how a rule or a profile judges, and what watches for it."""
    known = Circumstances()
    named: Any = resolve(KEY, reference)
    if isinstance(named, type) and hasattr(named, "watch_draft"):
        profile = named()
        return (lambda text: profile.judge(text, known)), (lambda: profile.watch(known))
    rule = OwnRule(reference, KEY)

    def new_watch() -> Watch | None:
        sign = rule.sign(known)
        return SignWatch([sign], Settling()) if sign else None

    return (lambda text: rule.judge(JudgedText(text), known)), new_watch


def _objections(text: str, judge: Judge, new_watch: NewWatch) -> Iterator[str]:
    reason = judge(text)
    if reason is not None and not (isinstance(reason, str) and _REASON.fullmatch(reason)):
        yield f"judge returns {reason!r}, not None or a reason like `too_many_lists`"
    if judge(text) != reason:
        yield "judge answers differently when it is asked again"
    for num_chars in _PIECES:
        told = _watched(text, new_watch(), num_chars)
        if told is not None and reason is None:
            yield f"its sign condemns ({told!r}) what its judge keeps"


def _watched(text: str, watch: Watch | None, num_chars: int) -> str | None:
    """Return what a watch says of a text that comes in pieces."""
    if watch is None:
        return None
    pieces = (text[start : start + num_chars] for start in range(0, len(text), num_chars))
    return next((reason for piece in pieces if (reason := watch(piece))), None)
