"""The script of a text, drift from the one that is asked for, and stray words of others.

Scripts are Unicode's, as the `regex` library knows them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import regex

from filters.text.asked_language import asked_scripts, leaves_language_open

# Of a spaced script a word is one unit, of an unspaced one a code point.
_SCRIPT_UNIT = regex.compile(
    r"(?P<latin>\p{Latin}+)|(?P<han>\p{Han})|(?P<kana>[\p{Hiragana}\p{Katakana}])"
    r"|(?P<hangul>\p{Hangul}+)|(?P<cyrillic>\p{Cyrillic}+)|(?P<greek>\p{Greek}+)"
    r"|(?P<arabic>\p{Arabic}+)|(?P<hebrew>\p{Hebrew}+)|(?P<thai>\p{Thai})|(?P<lao>\p{Lao})"
    r"|(?P<khmer>\p{Khmer})|(?P<myanmar>\p{Myanmar})|(?P<tibetan>\p{Tibetan}+)"
    r"|(?P<devanagari>\p{Devanagari}+)|(?P<bengali>\p{Bengali}+)|(?P<tamil>\p{Tamil}+)"
    r"|(?P<telugu>\p{Telugu}+)|(?P<gujarati>\p{Gujarati}+)|(?P<gurmukhi>\p{Gurmukhi}+)"
    r"|(?P<kannada>\p{Kannada}+)|(?P<malayalam>\p{Malayalam}+)|(?P<sinhala>\p{Sinhala}+)"
    r"|(?P<georgian>\p{Georgian}+)|(?P<armenian>\p{Armenian}+)|(?P<ethiopic>\p{Ethiopic}+)"
)
_NO_PROSE = regex.compile(r"`[^`\n]*`|https?://\S+|\$[^$\n]+\$")
# Most texts are in Latin letters, which need no look at Unicode's properties.
_MAY_BE_NO_PROSE = re.compile(r"[`$]|://")
_LATIN_ONLY = re.compile("[\x00-\xa9\xab-\xb9\xbb-\u024f\u2000-\u206f\u20a0-\u20bf]*")
_LATIN_WORD = re.compile("[A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\u024f]+")
# Texts in these scripts also hold Han characters, which alone do not make such a text.
_WITH_HAN = ("kana", "hangul")
_MIN_OWN_SHARE = 0.1

_CULTURES = {
    "han": r"chin|mandarin|canton|taiwan|tao|dao|confuci|buddh|zen\b|japan|kanji|korea",
    "kana": r"japan|日本|日语|日文|kana|haiku|ninja|samurai",
    "hangul": r"korea|韩|朝鲜|韓",
    "cyrillic": r"russia|soviet|ukrain|bulgar|serb|slav|俄|苏联|乌克兰",
    "arabic": r"arab|islam|muslim|quran|koran|persia|iran|urdu|pakistan|阿拉伯|伊斯兰|波斯",
    "hebrew": r"hebrew|israel|jew|torah|以色列|犹太|希伯来",
    "greek": r"greek|greece|alpha|math|physic|希腊|数学|物理",
    "devanagari": r"hindi|india|sanskrit|nepal|yoga|印度|梵",
    "thai": r"thai|泰",
}
_SCRIPT_NAMES = {
    **{name: (name.title(),) for name in _SCRIPT_UNIT.groupindex},
    "kana": ("Hiragana", "Katakana", "Han"),
    "hangul": ("Hangul", "Han"),
}
_OPENING = "“\"'‘「『《（([【*_<"
_CLOSING = "”\"'’」』》）)]】*_>"


def script_names(text: str) -> list[str]:
    """Name the script of every unit: a word of a spaced script, a code point of an unspaced one."""
    prose = _NO_PROSE.sub(" ", text) if _MAY_BE_NO_PROSE.search(text) else text
    if _LATIN_ONLY.fullmatch(prose):
        return ["latin"] * len(_LATIN_WORD.findall(prose))
    return [match.lastgroup or "" for match in _SCRIPT_UNIT.finditer(prose)]


def main_script(text: str) -> str | None:
    """Return the script of most units; `kana` for Japanese; None without letters."""
    counts = Counter(script_names(text))
    if not counts:
        return None
    for script in _WITH_HAN:
        if counts[script] > _MIN_OWN_SHARE * counts.total() and counts["han"]:
            return script
    return max(counts, key=lambda script: (counts[script], script))


def script_share(names_N: Sequence[str], script: str) -> float:
    """Share of units that are of one script; 1.0 if there are none.

    Shapes: N script names, see `script_names`.
    """
    if not names_N:
        return 1.0
    number = names_N.count(script)
    if script in _WITH_HAN and number >= _MIN_OWN_SHARE * len(names_N):
        number += names_N.count("han")
    return number / len(names_N)


def drifting_stretch(names_N: Sequence[str], script: str, num_units: int, min_share: float) -> bool:
    """Tell whether any of the stretches that a text is cut into has too little of a script.

    A last stretch of fewer units is not judged, so what is written later changes no answer.

    Shapes: N script names, see `script_names`, cut into stretches of `num_units`.
    """
    return any(
        script_share(names_N[start : start + num_units], script) < min_share
        for start in range(0, len(names_N) - num_units + 1, num_units)
    )


@lru_cache(maxsize=4096)
def expected_script(instruction: str) -> str | None:
    """Return the script an answer should use, or None where the instruction leaves it open."""
    if leaves_language_open(instruction):
        return None
    asked = asked_scripts(instruction)
    if not asked:
        return main_script(instruction)
    return asked.pop() if len(asked) == 1 else None


def stray_words(text: str, script: str, instruction: str) -> list[str]:
    """Find words of a script that is neither the text's nor Latin, and that nothing accounts for.

    Quotation marks, brackets or emphasis account for a word, and so does a text or instruction that
    talks of those who write so.
    """
    if script == "latin" and _LATIN_ONLY.fullmatch(text):
        return []
    prose = _NO_PROSE.sub(" ", text)
    found = [
        match.group()
        for match in _foreign_words(script).finditer(prose)
        if not _is_marked(match) and not _is_accounted_for(match, instruction)
    ]
    return found if found and script in script_names(text) else []


@lru_cache(maxsize=64)
def _foreign_words(script: str) -> "regex.Pattern[str]":
    """Match two letters or more of scripts that are neither Latin nor the text's own."""
    names = ["Latin", "Common", "Inherited", *_SCRIPT_NAMES[script]]
    own = "".join(f"\\p{{{name}}}" for name in names)
    return regex.compile(rf"[\p{{L}}--[{own}]]{{2,}}", regex.VERSION1)


def _is_accounted_for(match: "regex.Match[str]", instruction: str) -> bool:
    """Tell whether the instruction, or the text so far, talks of those who write so."""
    name = next(iter(script_names(match.group())), "")
    paragraph_end = match.string.find("\n\n", match.end())
    before = match.string[: paragraph_end if paragraph_end >= 0 else None]
    culture = _CULTURES.get(name)
    return name == "" or bool(
        culture and regex.search(culture, f"{instruction}\n{before}", regex.IGNORECASE)
    )


def _is_marked(match: "regex.Match[str]") -> bool:
    before = match.string[: match.start()].rstrip()[-1:]
    after = match.string[match.end() :].lstrip()[:1]
    return (bool(before) and before in _OPENING) or (
        bool(after) and (after in _CLOSING or after in _OPENING)
    )


def language_code(text: str) -> str:
    """Name the language of an instruction by its script: `zh`, `ja`, `ko`, else `en`."""
    codes = {"han": "zh", "kana": "ja", "hangul": "ko"}
    return codes.get(main_script(text) or "", "en")
