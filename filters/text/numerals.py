"""Numbers as people write them in requests: 2,000, 2k, two thousand, 2千, 两千."""

import re

_UNITS = tuple(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "  # noqa: SIM905
    "fifteen sixteen seventeen eighteen nineteen".split()
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ENGLISH = {word: number for number, word in enumerate(_UNITS)}
_ENGLISH |= {word: 10 * number for number, word in enumerate(_TENS, start=2)}
_DIGITS = "零一二三四五六七八九"
_CHINESE = {digit: number for number, digit in enumerate(_DIGITS)} | {"两": 2, "〇": 0}
_PAIR, _THOUSAND = 2, 1000
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}

_WORD = "|".join(sorted((*_ENGLISH, "hundred", "thousand"), key=len, reverse=True))
_SMALL = rf"(?:{'|'.join(_TENS)})(?:[\s-]+(?:{'|'.join(_UNITS)})\b)?|{'|'.join(_UNITS)}"
ENGLISH_NUMBER = (
    r"\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?\s?k\b|\d+(?:\.\d+)?\s+(?:hundred|thousand)\b|\d+"
    rf"|\b(?:a\s+(?:hundred|thousand)|(?:{_WORD}))\b(?:[\s-]+(?:{_WORD})\b"
    rf"|\s+and\s+(?:{_SMALL})\b(?![\s-]+(?:{_WORD})\b))*"
)
"""Matches an English number, in lower case."""
CHINESE_NUMBER = (
    r"\d{1,3}(?:[,，]\d{3})+(?!\d)|\d+(?:\.\d+)?\s?[百千万]|\d+"
    rf"|[{_DIGITS}〇两十百千万]*[{_DIGITS}〇两十百千万]"
)
"""Matches a number in a Chinese text."""


def read_number(text: str) -> int | None:
    """Return the whole number that a text spells, or None.

    >>> [read_number(text) for text in ("2,000", "2.5k", "two thousand", "两千五", "1.5万")]
    [2000, 2500, 2000, 2500, 15000]
    """
    plain = text.strip().lower().replace(",", "").replace("，", "")
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*(k|hundred|thousand|百|千|万)?", plain):
        scale = {None: 1, "百": 100, "hundred": 100, "万": 10_000}.get(found[2], 1000)
        return round(float(found[1]) * scale)
    return _read_chinese(plain) if plain[:1] in {*_CHINESE, "十"} else _read_english(plain)


def _read_english(text: str) -> int | None:
    total = current = 0
    words = re.split(r"[\s-]+", text)
    for word in words:
        if word in _ENGLISH:
            current += _ENGLISH[word]
        elif word == "hundred":
            current = (current or 1) * 100
        elif word == "thousand":
            total, current = total + (current or 1) * 1000, 0
        elif word not in ("a", "and"):
            return None
    return total + current


def _read_chinese(text: str) -> int | None:
    total = section = digit = 0
    last_unit = 1
    for character in text:
        if character in _CHINESE:
            digit = _CHINESE[character]
        elif character in _CHINESE_UNITS:
            last_unit = _CHINESE_UNITS[character]
            section, digit = section + (digit or 1) * last_unit, 0
        elif character == "万":
            total, section, digit, last_unit = total + (section + digit) * 10_000, 0, 0, 10_000
        else:
            return None
    # 两千五 is 2,500, but 两千零五 2,005.
    is_short = digit and last_unit > 1 and text[-2:-1] not in ("零", "〇")
    return total + section + digit * (last_unit // 10 if is_short and last_unit > 10 else 1)


def spell_english(number: int) -> str:
    """Spell a number below a million as words.

    >>> spell_english(2350)
    'two thousand three hundred and fifty'
    """
    thousands, rest = divmod(number, 1000)
    hundreds, below = divmod(rest, 100)
    parts = [f"{spell_english(thousands)} thousand"] if thousands else []
    parts += [f"{_UNITS[hundreds]} hundred"] if hundreds else []
    if below or not parts:
        tens, ones = divmod(below, 10)
        small = (
            _UNITS[below]
            if below < len(_UNITS)
            else "-".join([_TENS[tens - 2], *([_UNITS[ones]] if ones else [])])
        )
        parts.append(f"and {small}" if parts else small)
    return " ".join(parts)


def spell_chinese(number: int) -> str:
    """Spell a number below a hundred million as Chinese numerals.

    >>> [spell_chinese(number) for number in (2000, 1250, 12_000)]
    ['两千', '一千二百五十', '一万两千']
    """
    if number >= 10_000:
        high, rest = divmod(number, 10_000)
        gap = "零" if 0 < rest < 1000 else ""
        return f"{spell_chinese(high)}万{gap}{spell_chinese(rest) if rest else ''}"
    spelled, rest, is_gap = "", number, False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, rest = divmod(rest, unit)
        if digit:
            spelled += (
                ("零" if is_gap else "")
                + ("两" if digit == 2 and unit >= 1000 else _DIGITS[digit])
                + name
            )
        is_gap = not digit and bool(spelled)
        if not rest:
            break
    return spelled or "零"
