"""Words as the method counts them, and the script units that the repetition rules compare."""

import re
import sys

# Source: Self-Lengthen, `count_words` in `utils.py`, commit 004e880.
_COUNTED_CODE_POINT = re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")

# Scripts written without spaces: one code point is one unit.
UNSPACED_RANGES = (
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"  # ideographs
    "\u3005-\u3007"  # ideographic iteration mark, zero
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
)
_UNIT = re.compile(
    rf"[{UNSPACED_RANGES}]|(?:(?![{UNSPACED_RANGES}_])\w)+(?:['’](?:(?![{UNSPACED_RANGES}_])\w)+)*"
)


def count_words(text: str) -> int:
    """Count words: each CJK code point is one, and so is each run of other non-space characters.

    Source: Self-Lengthen, `count_words` in `utils.py`, commit 004e880.
    """
    spaced, num_code_points = _COUNTED_CODE_POINT.subn(" ", text)
    return num_code_points + len(spaced.split())


def script_units(text: str) -> list[str]:
    """Split into lower-case units: a code point of an unspaced script, else a word.

    Punctuation, symbols and white space belong to no unit. Equal units are one object, which keeps
    a long text's units small and quick to compare.
    """
    return list(map(sys.intern, _UNIT.findall(text.lower())))


def match_units(lower_text: str) -> list[re.Match[str]]:
    """Find the units of a text that is lower-case already, with their places."""
    return list(_UNIT.finditer(lower_text))
