"""Talk about the text anywhere in it, and remarks behind it: counts, offers, what is to follow.

A phrase says something about the text, its making or the assistant. What a letter, a speech or a
guide may well say to its own reader does not belong here.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filters.rule import Circumstances
    from filters.text.judged import JudgedText

_TEXT = (
    r"(?:version|draft|essay|article|story|response|answer|text|report|letter|speech|outline|piece"
    r"|paragraphs?|continuation|extension|expansion|passage|content|document|guide|example|writing)\b"
)
_ORDINAL = r"(?:first|second|third|fourth|fifth|sixth|next|last|final|previous|opening|closing)"
_REWORKED = r"(?:revised|extended|expanded|rewritten|lengthened|improved|updated|longer|full)"
_SAYS = (
    r"(?:describes?|discuss(?:es)?|explains?|introduces?|explores?|focus(?:es)? on|talks? about"
    r"|is about|provides?|highlights?|tells? (?:us|the|about)|ends? with|begins? with|starts? with"
    r"|contains?|mentions?)"
)
_WILL_SAY = rf"(?:(?:will|should|must|could|can|may|needs? to) (?:also )?\w+|{_SAYS})"

_ANYWHERE = (
    rf"\bthe {_ORDINAL} (?:\w+ )?paragraphs? {_WILL_SAY}",
    r"\bin (?:four|4|three|3|five|5)(?: to | or |-)(?:six|6|seven|7|five|5|four|4) paragraphs\b",
    r"\b\d[-–]\d paragraph (?:essay|text|story|article)\b",
    r"\blonger and more (?:detailed|vivid|elaborate) (?:text|version)\b",
    rf"\b(?:your|the (?:original|above|provided|given|previous)) (?:draft|prompt|essay|text|outline"
    rf"|paragraph|story) {_WILL_SAY}",
    rf"\bthe (?:text|passage|draft|writing) (?:also )?(?:will|should|must|needs to|{_SAYS})",
    rf"\bhere(?:['’]s| is| are) (?:the|your|an?|my|some) (?:[\w-]+ ){{0,4}}{_TEXT}[^.\n]*:\s*$",
    rf"\bi(?:['’]ve| have) (?:now |just |also )?(?:rewritten|expanded|extended|revised"
    rf"|lengthened|outlined"
    rf"|added (?:more|some|a few))\b(?=[^.\n]*\b{_TEXT})",
    r"\bi(?:['’]ll| will|['’]m going to) (?:now )?(?:end|conclude|finish|expand|rewrite"
    r"|extend|continue)"
    r" (?:this|the|your|my) (?:\w+ )?(?:text|response|draft|writing|paragraph)\b",
    r"\bkey points to (?:include|cover) in\b|\bword count\b"
    r"|\bas (?:per )?(?:you )?(?:your )?request(?:ed)?\b"
    r"(?= (?:by you|in the prompt|above))|\bthe prompt (?:asks|says|requires)\b",
    r"\bi hope (?:this|that|you)(?: \w+){0,5} (?:helps|helpful|useful to you|meets your"
    r"|enjoyed (?:this|the|my))",
    r"\blet me know (?:if|what|how) you(?:['’]d| would) like (?:me|any|to)\b",
    r"\bwould you like me to (?:proceed|continue|write|expand|add|change|revise|elaborate)\b",
    r"\bend of (?:the |this |my )?(?:text|writing|response|draft)\b",
    r"\bas an ai(?: language)?(?: model| assistant)?,? i\b|\bi am an ai (?:language )?model\b",
)
_AT_LINE_START = (
    rf"(?:please )?(?:write|rewrite|finish|end(?! of)|continue|expand|extend|conclude"
    rf"|lengthen) (?:with )?"
    rf"(?:the |this |your |an? )?(?:[\w,-]+ ){{0,6}}{_TEXT}(?!['’])",
    r"finish (?:with|off)\b.*\b(?:ending|smile|conclusion|note|sentence)\b",
    rf"this {_REWORKED} {_TEXT}",
    r"[(\[（【]?\s*(?:total |final |approximate )*word count\b",
    r"[(\[（【]\s*(?:about|approx\w*\.?|roughly|~)?\s*\d[\d,.]*\s+words?\.?\s*[)\]）】]",
    r"[(\[（【].*\b(?:continued|continues|to follow) in (?:the |my )?next (?:response"
    r"|message|part|reply)\b",
    rf"note ?:.*\b(?:i have|i['’]ve|word count|the (?:above|revised|expanded) {_TEXT})",
)
_CHINESE = (
    r"第[一二三四五六]段(?:主要|应|可以|将|描述|介绍|讲述|写|需要)",
    r"(?:扩写|改写|续写|润色)(?:后|部分|内容|版本|如下|完成)",
    r"(?:根据|按照)(?:您|你)的(?:要求|提示|指示|需求)",
    r"以下(?:就)?是(?:扩写|改写|续写|修改|完整|我)",
    r"以上(?:就)?是(?:扩写|改写|续写|修改|我|本|这|全|对).{0,20}(?:文章|内容|版本|回答|扩写|改写)",
    r"(?:由于|因|限于)(?:篇幅|字数)(?:限制|所限|有限)|下一次(?:回复|回答)|(?:未完待续|后续章节)",
    r"(?:全文|本文|以上|正文|总)(?:共计?|总计|合计|字数|约)[^。\n]{0,6}[\d一二两三四五六七八九十百千]+[^。\n]{0,3}字",
    r"字数(?:要求|统计|约|共|符合|[:：])",
    r"作为(?:一个|一名)?(?:AI|人工智能|语言模型)(?:助手|模型)?[，,]我",
    r"(?:希望|但愿)(?:以上|这篇|上述)[^。！\n]{0,30}(?:有所?帮助|有用|满意|符合|满足)",
)
_TALK = re.compile("|".join((*_ANYWHERE, *_CHINESE)), re.IGNORECASE | re.MULTILINE)
_LINE = re.compile(
    rf"^[^\w\n“\"‘「『]*(?:{'|'.join(_AT_LINE_START)})", re.IGNORECASE | re.MULTILINE
)
# One of these is in every such phrase; most paragraphs have none.
_KEYS = (
    *("paragraph", "draft", "prompt", "passage", "writing", "the text", "longer and", "rewritten"),
    *("expanded", "extended", "revised", "lengthened", "outlined", "added", "i hope", "an ai"),
    *(
        "let me know",
        "would you like me",
        "key points",
        "word count",
        " words)",
        "here is",
        "here are",
        "here's",
    ),
    *(
        "i'll",
        "i’ll",
        "i will",
        "here’s",
        "of your ",
        "your essay",
        "your story",
        "the original",
        "the above",
        "the provided",
        "end of",
    ),
    *("段", "写", "要求", "提示", "以上", "以下", "篇幅", "字", "下一次", "未完", "章节", "希望"),
    *("但愿", "人工智能", "润色", "语言模型", "指示", "需求"),
)
# Where texts about texts are asked for, they may be talked of.
_ABOUT_TEXTS = re.compile(
    r"\b(?:review|critique|analy[sz]\w+|summar\w+|commentary|essay writing|how to write|writing"
    r" (?:guide|tips|lesson|advice|workshop)|editor|tutorial|prompt|language models?|chatbots?"
    r"|translat\w+)\b|评论|赏析|分析|读后感|写作|总结|翻译|教程",
    re.IGNORECASE,
)


class RemarkRule:
    """Talk about the text or its making: `meta_talk`; in prose, outside quotation marks."""

    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", known: "Circumstances") -> str | None:
        """Judge the prose."""
        if _ABOUT_TEXTS.search(known.instruction or ""):
            return None
        return "meta_talk" if any(map(_talks, text.paragraphs)) else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""


def _talks(part: str) -> bool:
    """Tell whether a paragraph talks so in its own voice."""
    if _LINE.search(part):
        return True
    if not any(map(part.lower().__contains__, _KEYS)):
        return False
    return any(_is_own_voice(part, match.start()) for match in _TALK.finditer(part))


def _is_own_voice(part: str, at: int) -> bool:
    before = part[:at]
    is_quoted = before.count("“") > before.count("”") or before.count('"') % 2 == 1
    return not is_quoted and before.count("「") <= before.count("」")
