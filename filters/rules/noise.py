"""Noise: floods of one character, broken bytes, words of no language or of another script."""

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from filters.text.language import expected_script, stray_words

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

_FLOOD = re.compile(r"([^\s\-–—_=*#~·.─━│|+/\\\d])\1{19}|\.{60}")
_EMOJI_FLOOD = re.compile("(?:[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]\\s?){12,}")
_BROKEN = "\ufffd"
_MAX_WORD_LETTERS = 45


class NoiseRule:
    """`character_flood`, `garble`."""

    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Look at the characters of the whole text."""
        if _BROKEN in text:
            return "garble"
        if any(_floods(segment) for segment in text.prose):
            return "character_flood"
        longest = max(map(len, chain.from_iterable(text.units)), default=0)
        return "garble" if longest > _MAX_WORD_LETTERS else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""


def _floods(text: str) -> bool:
    return bool(_FLOOD.search(text) or _EMOJI_FLOOD.search(text))


@dataclass(frozen=True, slots=True)
class StrayScriptRule:
    """Words of a script that neither text nor task are in, not marked as such: `stray_script`."""

    max_words: int
    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", known: "Circumstances") -> str | None:
        """Judge the prose."""
        script = expected_script(known.instruction) if known.instruction else None
        if script is None:
            return None
        number = len(stray_words("\n".join(text.prose), script, known.instruction or ""))
        return "stray_script" if number > self.max_words else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""
