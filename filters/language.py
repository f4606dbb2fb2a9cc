"""The language of a text by its script, and drift from the language of the instruction."""

import re
from collections import Counter

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


def count_script_units(text: str) -> Counter[str]:
    """Count units by script: words of spaced scripts, code points of unspaced ones."""
    return Counter(match.lastgroup or "" for match in _SCRIPT_UNIT.finditer(text))


def main_script(text: str) -> str | None:
    """Return the script of most units; `kana` for Japanese; None without letters."""
    counts = count_script_units(text)
    if not counts:
        return None
    if counts["kana"] > _JAPANESE_KANA_SHARE * counts.total():
        return "kana"
    return max(counts, key=lambda script: (counts[script], script))


def script_share(text: str, script: str) -> float:
    """Share of a text's units that are of one script; 1.0 for a text without letters."""
    counts = count_script_units(text)
    if not counts:
        return 1.0
    num_units = counts[script] + (counts["han"] if script == "kana" else 0)
    return num_units / counts.total()


def expected_script(instruction: str) -> str | None:
    """Return the script an answer should use, or None where the instruction leaves it open."""
    return None if _NAMES_A_LANGUAGE.search(instruction) else main_script(instruction)


def language_code(text: str) -> str:
    """Name the language of an instruction by its script: `zh`, `ja`, `ko`, else `en`."""
    codes = {"han": "zh", "kana": "ja", "hangul": "ko"}
    return codes.get(main_script(text) or "", "en")
