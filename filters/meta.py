"""Talk about the text instead of the text: meta talk, refusals, closing offers, leaked prompts."""

import re
from collections.abc import Iterable

from filters.phrases import CLOSING_OFFERS, CONTROL_TEXT, META_OPENINGS, REFUSAL_OPENINGS

# Source: Self-Lengthen, `check_response` in `llama/`, commit 004e880.
_REFERENCE_LLAMA_WORDS = ("revised", "revision", "response", "version", "paragraph")

_MAX_LINE_CHARS = 400


def _at_line_start(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\W*(?:{'|'.join(phrases)})", re.IGNORECASE)


_META_OPENING = _at_line_start(META_OPENINGS)
_REFUSAL_OPENING = _at_line_start(REFUSAL_OPENINGS)
_CLOSING_OFFER = _at_line_start(CLOSING_OFFERS)
_CONTROL_TEXT = re.compile(CONTROL_TEXT)


def reference_llama_meta_word(text: str) -> str | None:
    """Return the meta word in the first two or last three lines, by substring.

    Empty lines at the beginning count.

    Source: Self-Lengthen, `check_response` in `llama/`, commit 004e880.
    """
    lines = text.rstrip().split("\n")
    watched = "\n".join([*lines[:2], *lines[-3:]])
    return next((word for word in _REFERENCE_LLAMA_WORDS if word in watched), None)


def opens_with_meta_talk(first_line: str) -> bool:
    """Tell whether the first line announces a text or calls it revised or extended."""
    return bool(_META_OPENING.match(first_line[:_MAX_LINE_CHARS]))


def opens_with_refusal(first_line: str) -> bool:
    """Tell whether the first line refuses, or speaks as a language model."""
    return bool(_REFUSAL_OPENING.match(first_line[:_MAX_LINE_CHARS]))


def is_closing_offer(last_line: str) -> bool:
    """Tell whether the last line offers the reader more of the assistant's work."""
    return bool(_CLOSING_OFFER.match(last_line[:_MAX_LINE_CHARS]))


def leaks_prompt(text: str, markers: Iterable[str]) -> bool:
    """Tell whether the text repeats a fixed line of the prompt, or spells a control token."""
    return bool(_CONTROL_TEXT.search(text)) or any(marker in text for marker in markers)
