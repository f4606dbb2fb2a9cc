"""Endings that need no full stop, by their genre, and full stops that end nothing."""

import regex

from filters.text.sentences import is_verse, paragraphs

# --- a last line that ends a text of its genre -------------------------------------------------
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_END_WORDS = (
    r"(?:the end|end|fin|fine|finis|ende|slut|koniec|конец|кінець|τέλος|끝|おわり|終わり|終|了|完"
    r"|全文完|全文完结|全文结束|全书完|全剧终|剧终|正文完|终|curtain|blackout|fade out|cut to black"
    r"|30|exeunt(?: omnes)?|end of (?:the )?(?:\w+ ){0,2}?(?:\w+))"
)
_END_MARK = regex.compile(
    rf"[\W_]+{_END_WORDS}[\W_]+|[\W_]*{_END_WORDS}[*_.!。！]*", regex.IGNORECASE
)
_LAST_LINES = (
    # Stage directions.
    r"[(\[（【].*\b(?:curtain|lights|fades?|blackout|exits?|exeunt|end of)\b.*[)\]）】]",
    r"[（(【\[].*(?:幕落|幕闭|灯灭|下场|剧终).*[)\]）】]",
    # Hashtags, links, identifiers.
    r"(?:#[\w-]+[\s,]*)+",
    r".*(?:https?://|www\.|doi:\s?10\.)\S+[>)\]]*",
    r"\[[^\]\n]+\]:\s*\S+.*",
    r"\W*\S+@\S+\.\w+\W*",
    # Mathematics, markup and documents that close.
    r".*(?:\$\$|\\\]|\\end\{[a-z*]+\}|∎|■|□|\\(?:blacksquare|square|qed)\$?|\bq\.?e\.?d\.?)",
    r"\s*(?:</\w+>\s*)+",
    # Captions.
    r"\W*(?:table|figure|fig\.|source|photo|credit|图|表|圖|来源|資料來源)\s*\d*\s*[:：.].*",
    # Dates and places for signatures.
    rf"\W*(?:[\w ]+, )?(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}})",
    r"\W*\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
    r"\W*[\d〇○零一二三四五六七八九十]{2,4}\s*年\s*[\d一二三四五六七八九十]{1,3}\s*月\s*[\d一二三四五六七八九十]{1,3}\s*日",
    # Thanks at the end of a speech.
    r"\W*(?:谢谢(?:大家|各位|你们|您)?|感谢(?:大家|聆听)?|thank you(?: all| very much"
    r"| everyone)?|thanks)\W*",
)
_LAST_LINE = regex.compile("|".join(f"(?:{form})" for form in _LAST_LINES), regex.IGNORECASE)
_SIGNATURE_FIELD = regex.compile(
    r"[^:：\n]{0,40}(?:sign|date|name|party|owner|operator|witness|landlord|tenant|甲方|乙方|签|章|日期"
    r"|盖|代表|地址|电话)[^:：\n]{0,30}[:：][\s_.…年月日]*|[_\s]{5,}.*|.*_{5,}\s*",
    regex.IGNORECASE,
)
_COLON_FIELD = regex.compile(r"[^:：\n]{1,40}[:：][\s_.…年月日]*")

# --- a letter's signature ----------------------------------------------------------------------
_VALEDICTION = regex.compile(
    r"\W*(?:"
    r"(?:(?:yours|very|most|ever|with"
    r"|kind(?:est)?|warm(?:est|ly)?|best|many|all|much|my|lots of|in) ?)*"
    r"(?:truly|sincerely|faithfully|cordially|respectfully|gratefully|regards|wishes|thanks|love"
    r"|gratitude|appreciation|affection|warmly|yours"
    r"|ever|best|cheers|thank you|sympathy|solidarity)"
    r"(?: yours)?(?: to (?:you|all)(?: \w+){0,5})?,|此致|敬礼[！!]?|顺颂.{0,6}|敬上|谨上"
    r"|祝好[！!]?)\s*",
    regex.IGNORECASE,
)
_MAX_SIGNATURE_LINES = 5
_MAX_LINE_CHARS = 60
_ISSUER = regex.compile(r"\W*[\p{Han}\w（）()·]{2,30}\W*")

# --- lists -------------------------------------------------------------------------------------
_ITEM = regex.compile(
    r"\s*(?:[-*+•☐□✓]|\[[ x]\]|\d{1,3}[.)、]|[(（]?[a-z\d一二三四五六七八九十][)）.])\s+\S"
)
_CUT_WORD = regex.compile(
    r"\b(?:the|an?|and|or|of|with|to|in|for|by|from|as|at|that|which|is|was|are|were|my|his|her|their"
    r"|its|but|if|because)\W*$",
    regex.IGNORECASE,
)
_MIN_ITEMS = 2
_MIN_VERSE_LINES = 4

# --- cut, but after a full stop ----------------------------------------------------------------
_CUT_AFTER_STOP = regex.compile(
    r"(?:^|\s)(?:Dr|Mr|Mrs|Ms|Prof|St|Sr|Jr|Gen|Col|Capt|Lt|Rev|Hon|vs|e\.g|i\.e|cf|No|Fig|approx)\.$"
    r"|(?:^|\n)\s*[([]?[0-9]{1,3}[.)]$|(?:^|\n)\s*[-*+•]$"
)
_HEADING = regex.compile(r"#{1,6}\s+\S.*")
_BROKEN_OFF_SPEECH = regex.compile(r"[—–\-]+[”\"’」』]$")
_UNSTOPPED_SCRIPT = regex.compile(r"[\p{Thai}\p{Lao}]")


def is_cut(text: str) -> bool:
    """Tell whether a text was cut although it ends in a full stop: "Dr.", "4.", a bare heading."""
    last_line = text.rstrip().rpartition("\n")[2].strip()
    return bool(_HEADING.fullmatch(last_line) or _CUT_AFTER_STOP.search(text.rstrip()))


def ends_by_genre(text: str) -> bool:
    """Tell whether a text ends as those of some genre do, without a full stop."""
    text = text.rstrip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return False
    last_line = lines[-1]
    if _COLON_FIELD.fullmatch(last_line):
        return _is_signature_block(lines)
    return (
        bool(_END_MARK.fullmatch(last_line))
        or (len(lines) > 1 and bool(_LAST_LINE.fullmatch(last_line)))
        or bool(_BROKEN_OFF_SPEECH.search(last_line))
        or bool(_UNSTOPPED_SCRIPT.match(last_line[-1]))
        or _is_signed(lines)
        or _ends_in_list(lines)
        or _ends_in_verse(text, lines)
    )


def _is_signature_block(lines: list[str]) -> bool:
    """Two fields to be filled in, one after the other."""
    return len(lines) > 1 and all(_SIGNATURE_FIELD.fullmatch(line) for line in lines[-2:])


def _is_signed(lines: list[str]) -> bool:
    """A valediction, and a name or more after it."""
    for num_after, line in enumerate(reversed(lines[-_MAX_SIGNATURE_LINES:])):
        if len(line) > _MAX_LINE_CHARS:
            return False
        if _VALEDICTION.fullmatch(line):
            return num_after > 0 or line.startswith(("敬礼", "祝好"))
    return False


def _ends_in_list(lines: list[str]) -> bool:
    """Items, none of which ends in a full stop."""
    items = []
    for line in reversed(lines):
        if not _ITEM.match(line):
            break
        items.append(line)
    if len(items) < _MIN_ITEMS or _CUT_WORD.search(items[0]) or items[0][-1] in ",，:：;；-–—":
        return False
    unstopped = [item for item in items if not regex.search(r"[.!?。！？]\W*$", item)]
    return 2 * len(unstopped) >= len(items)


def _ends_in_verse(text: str, lines: list[str]) -> bool:
    """Stanzas of which most lines have no full stop."""
    last = paragraphs(text)[-1]
    stanzas = [part for part in paragraphs(text)[-4:] if is_verse(part)]
    verses = [line for part in stanzas for line in part.split("\n")]
    if len(verses) < _MIN_VERSE_LINES or (not is_verse(last) and len(lines[-1]) > _MAX_LINE_CHARS):
        return False
    unstopped = [line for line in verses if not regex.search(r"[.!?。！？]\W*$", line)]
    is_open = lines[-1][-1] in ",，:：;；" or bool(regex.search(r"\b(?:the|an?|and)$", lines[-1]))
    return 2 * len(unstopped) > len(verses) and not is_open
