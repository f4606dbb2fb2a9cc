"""What does not belong into a text: thinking, a next turn, placeholders, idle markup."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

_THINKING = re.compile(r"</?(?:think|thinking|thought|reasoning|reflection|scratchpad)>", re.I)
_NEXT_TURN = re.compile(
    r"^#{2,4} ?(?:instruction|response|input|output|human|assistant|user)s?:?\s*$"
    r"|^(?:assistant|ai assistant|chatbot|助手)\s?[:：]"
    r"|^(?:human|user)\s?:.*\n+(?:assistant|ai)\s?:",
    re.IGNORECASE | re.MULTILINE,
)
_PLACEHOLDER = re.compile(
    r"[\[(【（<](?:\.{3}|…)?\s?(?:(?:the )?rest of|(?:and )?(?:so on|continue[sd]?)\b"
    r"|insert |add (?:more|your)|to be continued|remaining (?:text|sections?|paragraphs?|part)"
    r"|此处(?:省略|插入)|以下省略|省略|未完待续|待续|后续)[^\])】）>\n]*[\])】）>]"
    r"|\[(?:link to|image|photo|picture|video|your (?:name|company|address|city)|writer ?\d"
    r"|(?:recipient|company|sender)(?:['’]s)? name|name|date|city|address)\b[^\]\n]{0,40}\](?!\()"
    r"|\blorem ipsum\b|^\W*(?:to be continued|未完待续)\W*$",
    re.IGNORECASE | re.MULTILINE,
)
_STRAY_MARKUP = re.compile(
    r"</?(?:div|span|br|p|b|i|u|strong|em|font|center|a|table|td|tr|li|ul)\b[^>\n]*>|&(?:nbsp|amp|lt|gt|quot);"
    r"|\[/?(?:b|i|url|quote|img)\]|\\n(?:\\n)?|^<<[^<>\n]+>>$",
    re.IGNORECASE | re.MULTILINE,
)
_HTML_DOCUMENT = re.compile(r"\A\s*(?:<!doctype html|<html)|\\begin\{document\}", re.IGNORECASE)
_ASKS_FOR_TEMPLATE = re.compile(
    r"template|placeholder|form\b|html|markup|latex|模板|表格|占位|网页", re.IGNORECASE
)
_BOLD = re.compile(r"(?<!\*)\*\*(?!\*)")
_INLINE_CODE = re.compile(r"`[^`\n]*`")


class StrayRule:
    """`thinking`, `next_turn`, `placeholder`, `stray_markup`; what stands in code is left out."""

    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", known: "Circumstances") -> str | None:
        """Look for them in the prose."""
        prose = _INLINE_CODE.sub("", "\n\n".join(text.prose))
        if _THINKING.search(prose):
            return "thinking"
        if _NEXT_TURN.search(prose):
            return "next_turn"
        if _ASKS_FOR_TEMPLATE.search(known.instruction or "") or _HTML_DOCUMENT.search(text):
            return None
        if _PLACEHOLDER.search(prose):
            return "placeholder"
        return "stray_markup" if _has_stray_markup(prose) else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""


def _has_stray_markup(prose: str) -> bool:
    if _STRAY_MARKUP.search(prose):
        return True
    return any(len(_BOLD.findall(part)) % 2 for part in prose.split("\n"))
