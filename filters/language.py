"""The language of a text by its script, and drift from the language of the instruction."""

import re
from collections import Counter
from collections.abc import Sequence

_SCRIPT_UNIT = re.compile(
    "(?P<kana>[\u3040-\u30ff])"
    "|(?P<han>[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])"
    "|(?P<hangul>[\uac00-\ud7af]+)"
    "|(?P<latin>[A-Za-z\u00c0-\u024f]+)"
    "|(?P<cyrillic>[\u0400-\u04ff]+)"
    "|(?P<arabic>[\u0600-\u06ff]+)"
)
# An instruction that names a language may ask for an answer in it.
_NAMES_A_LANGUAGE = re.compile(
    r"\b(?:chinese|mandarin|english|french|german|spanish|russian|japanese|korean|arabic|translat\w+"
    r"|bilingual)\b|中文|英文|英语|汉语|日语|法语|德语|俄语|韩语|西班牙语|阿拉伯语|翻译|双语",
    re.IGNORECASE,
)
# Kana marks Japanese, in which Han characters are common too.
_JAPANESE_KANA_SHARE = 0.1


def script_names(text: str) -> list[str]:
    """Name the script of every unit: a word of a spaced script, a code point of an unspaced one."""
    return [match.lastgroup or "" for match in _SCRIPT_UNIT.finditer(text)]


def main_script(text: str) -> str | None:
    """Return the script of most units; `kana` for Japanese; None without letters."""
    counts = Counter(script_names(text))
    if not counts:
        return None
    if counts["kana"] > _JAPANESE_KANA_SHARE * counts.total():
        return "kana"
    return max(counts, key=lambda script: (counts[script], script))


def script_share(names_N: Sequence[str], script: str) -> float:
    """Share of units that are of one script; 1.0 if there are none.

    Shapes: N script names, see `script_names`.
    """
    if not names_N:
        return 1.0
    num_units = names_N.count(script) + (names_N.count("han") if script == "kana" else 0)
    return num_units / len(names_N)


def drifting_stretch(names_N: Sequence[str], script: str, num_units: int, min_share: float) -> bool:
    """Tell whether any of the stretches that a text is cut into has too little of a script.

    A last stretch of fewer units is not judged, so what is written later changes no answer.

    Shapes: N script names, see `script_names`, cut into stretches of `num_units`.
    """
    return any(
        script_share(names_N[start : start + num_units], script) < min_share
        for start in range(0, len(names_N) - num_units + 1, num_units)
    )


def expected_script(instruction: str) -> str | None:
    """Return the script an answer should use, or None where the instruction leaves it open."""
    return None if _NAMES_A_LANGUAGE.search(instruction) else main_script(instruction)


def language_code(text: str) -> str:
    """Name the language of an instruction by its script: `zh`, `ja`, `ko`, else `en`."""
    codes = {"han": "zh", "kana": "ja", "hangul": "ko"}
    return codes.get(main_script(text) or "", "en")
