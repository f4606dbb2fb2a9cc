"""Talk about the text anywhere in it, and remarks behind it: counts, offers, what is to follow.

A phrase says something about the text, its making or the assistant. What a letter, a speech or a
guide may well say to its own reader does not belong here.
"""

import re
from collections.abc import Iterable
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

# What is in each of the phrases, in lower case, and the phrase: most paragraphs have none of it.
_ANYWHERE = (
    ("paragraph", rf"\bthe {_ORDINAL} (?:\w+ )?paragraphs? {_WILL_SAY}"),
    (
        "paragraphs",
        r"\bin (?:four|4|three|3|five|5)(?: to | or |-)(?:six|6|seven|7|five|5|four|4)"
        r" paragraphs\b",
    ),
    ("paragraph", r"\b\d[-–]\d paragraph (?:essay|text|story|article)\b"),
    ("longer and", r"\blonger and more (?:detailed|vivid|elaborate) (?:text|version)\b"),
    (
        "your |original|above|provided|given|previous",
        rf"\b(?:your|the (?:original|above|provided|given|previous)) (?:draft|prompt|essay|text"
        rf"|outline|paragraph|story) {_WILL_SAY}",
    ),
    (
        "the text|passage|draft|writing",
        rf"\bthe (?:text|passage|draft|writing) (?:also )?(?:will|should|must|needs to|{_SAYS})",
    ),
    (
        "here is|here are|here's|here’s",
        rf"\bhere(?:['’]s| is| are) (?:the|your|an?|my|some) (?:[\w-]+ ){{0,4}}{_TEXT}[^.\n]*:\s*$",
    ),
    (
        "rewritten|expanded|extended|revised|lengthened|outlined|added",
        rf"\bi(?:['’]ve| have) (?:now |just |also )?(?:rewritten|expanded|extended|revised"
        rf"|lengthened|outlined|added (?:more|some|a few))\b(?=[^.\n]*\b{_TEXT})",
    ),
    (
        "i'll|i’ll|i will|i'm going|i’m going",
        r"\bi(?:['’]ll| will|['’]m going to) (?:now )?(?:end|conclude|finish|expand|rewrite"
        r"|extend|continue)"
        r" (?:this|the|your|my) (?:\w+ )?(?:text|response|draft|writing|paragraph)\b",
    ),
    ("key points", r"\bkey points to (?:include|cover) in\b"),
    ("word count", r"\bword count\b"),
    (
        "request",
        r"\bas (?:per )?(?:you )?(?:your )?request(?:ed)?\b(?= (?:by you|in the prompt|above))",
    ),
    ("prompt", r"\bthe prompt (?:asks|says|requires)\b"),
    (
        "i hope",
        r"\bi hope (?:this|that|you)(?: \w+){0,5} (?:helps|helpful|useful to you|meets your"
        r"|enjoyed (?:this|the|my|it)|found this (?:topic|article|essay|story|text|blog))"
        r"|\bi hope this (?:completes|essay|story|article|blog|text)\b",
    ),
    ("let me know", r"\blet me know (?:if|what|how) you(?:['’]d| would) like (?:me|any|to)\b"),
    (
        "would you like me",
        r"\bwould you like me to (?:proceed|continue|write|expand|add|change|revise|elaborate)\b",
    ),
    ("end of", r"\bend of (?:the |this |my )?(?:text|writing|response|draft)\b"),
    (
        "end of|rest of|beginning of|conclusion of|remainder of",
        r"\b(?:end|rest|beginning|conclusion|remainder) of (?:the|this|our|my|your) (?:essay"
        r"|article|text|blog(?: post)?|draft)\b"
        r"|\b(?:end|rest|beginning|conclusion) of this (?:story|tale|piece(?! of))\b",
    ),
    (
        "add",
        r"\badd(?:s|ing|ed)? (?:more|your own|some|a few|a lot of|any) (?:more )?(?:details?"
        r"|sentences?|paragraphs?)\b",
    ),
    (
        "this ending|this continuation|this draft|this version",
        r"\bthis (?:ending|continuation|draft(?! of)"
        r"|version of (?:the|this|my|your) (?:story|text|essay|article|draft))\b",
    ),
    (
        "this essay|this article|this text|this report",
        r"\bthis (?:essay|article|text|report) (?:will (?:continue|always|help)"
        r"|is (?:written|just|filled)|has (?:been|two|three))\b",
    ),
    (
        "read this|reading this",
        r"\bread(?:ing)? this (?:entire |whole |full )?(?:story|essay|article|piece|blog(?: post)?"
        r"|text)\b",
    ),
    (
        "quality of|improve",
        r"\bquality of (?:the |your |my )?(?:writing|text|draft|essay)\b"
        r"|\bimprove (?:this|your|the) (?:writing|text|essay|draft|story)\b",
    ),
    (
        "this piece will|words|is available|here goes again|come together",
        r"\bthis piece will\b"
        r"|\b(?:ends?|finish(?:es)?|written) in (?:about |around )?\d[\d,]+ words\b"
        r"|\bfull (?:text|article|story) is available\b|\bhere goes again\b"
        r"|\bthis (?:article|essay|story|piece|draft) come together\b",
    ),
    (
        "here's the|here’s the",
        r"\bhere['’]s the (?:final|next|last|first) (?:part|paragraph|section)\b",
    ),
    ("part delves|part ends", r"\bthe (?:next|last|final) part (?:delves|ends with)\b"),
    ("i want you to", r"\bi want you to (?:write|rewrite|expand|continue)\b"),
    ("edits", r"\b(?:some|more|further) edits\b"),
    ("based on this|of the text", r"\bbased on this text\b|\btheme of the text\b"),
    ("created a blog|written a blog", r"\bwe(?:['’]ve| have) (?:created|written) a blog post\b"),
    (
        "ended the story|end of the story",
        r"\bended the story (?:saying|by|with|here)\b|\bhere['’]s the end of the story\b",
    ),
    (
        "next prompt|another task|the narrative in",
        r"\bafter the next prompt\b|\bwith another task:"
        r"|\bcontinue the narrative in (?:a few|the next|several)\b",
    ),
    ("summary of", r"\bsummary of (?:my|the|this) (?:story|text|essay|article)\b[^.\n]*:\s*$"),
    (
        "me to",
        r"\bif you (?:need|want|['’]d like|would like) me to (?:work on|write|add|change|continue"
        r"|help)\b",
    ),
    ("of how you", r"\bhere (?:is|are) (?:\w+ ){1,3}examples? of how you (?:might|can|could)\b"),
    ("an ai", r"\bas an ai(?: language)?(?: model| assistant)?,? i\b"),
    ("i am an ai", r"\bi am an ai (?:language )?model\b"),
    ("段", r"第[一二三四五六]段(?:主要|应|可以|将|描述|介绍|讲述|写|需要)"),
    ("写|润色", r"(?:扩写|改写|续写|润色)(?:后|部分|内容|版本|如下|完成)"),
    ("的", r"(?:根据|按照)(?:您|你)的(?:要求|提示|指示|需求)"),
    ("以下", r"以下(?:就)?是(?:扩写|改写|续写|修改|完整|我)"),
    (
        "以上",
        r"以上(?:就)?是(?:扩写|改写|续写|修改|我|本|这|全|对).{0,20}(?:文章|内容|版本|回答|扩写|改写)",
    ),
    ("篇幅|字数", r"(?:由于|因|限于)(?:篇幅|字数)(?:限制|所限|有限)"),
    ("下一次", r"下一次(?:回复|回答)"),
    ("未完待续|后续章节", r"(?:未完待续|后续章节)"),
    (
        "字",
        r"(?:全文|本文|以上|正文|总)(?:共计?|总计|合计|字数|约)[^。\n]{0,6}"
        r"[\d一二两三四五六七八九十百千]+[^。\n]{0,3}字",
    ),
    ("字数", r"字数(?:要求|统计|约|共|符合|[:：])"),
    ("作为", r"作为(?:一个|一名)?(?:AI|人工智能|语言模型)(?:助手|模型)?[，,]我"),
    (
        "希望|但愿",
        r"(?:希望|但愿)(?:以上|这篇|上述)[^。！\n]{0,30}(?:有所?帮助|有用|满意|符合|满足)",
    ),
)
# A text that tells what happens in it. One about another's work may.
_COURSE = (
    (
        "begins|starts|opens|ends|concludes|unfolds|revolves|continues|follows",
        r"(?:^|[.!?…][\"”’]*\s+)\W*(?:as )?(?:the|this|our|my) (?:story|tale|narrative|essay"
        r"|article|blog(?: post)?) (?:then )?(?:begins|starts|opens|ends|concludes|unfolds|revolves"
        r"|continues|follows)\b",
    ),
    (
        "this story|this tale|this narrative|this blog",
        r"\bthis (?:story|tale|narrative|blog(?: post)?) (?:is|was|has|brings|explores|reminds"
        r"|takes|will|would|serves|shows|highlights|captures|follows|teaches|ends|begins|starts|tells"
        r"|demonstrates|illustrates)\b",
    ),
    ("故事|文章", r"(?:故事|文章)的?(?:开头|结尾|开篇|末尾)(?:部分)?(?:描述|讲述|写|应)"),
)
_Phrases = list[tuple[list[str], re.Pattern[str]]]


def _compiled(phrases: Iterable[tuple[str, str]]) -> _Phrases:
    return [
        (keys.split("|"), re.compile(phrase, re.IGNORECASE | re.MULTILINE))
        for keys, phrase in phrases
    ]


_OF_MAKING = _compiled(_ANYWHERE)
_OF_ALL = _compiled((*_ANYWHERE, *_COURSE))
_AT_LINE_START = (
    rf"(?:(?:so|now|then),? )?(?:please )?(?:write|rewrite|finish|end(?! of)|continue|expand"
    rf"|extend|conclude|lengthen) (?:with )?"
    rf"(?:the |this |your |an? )?(?:[\w,-]+ ){{0,6}}{_TEXT}(?!['’])",
    r"finish (?:with|off)\b.*\b(?:ending|smile|conclusion|note|sentence)\b",
    rf"this {_REWORKED} {_TEXT}",
    r"[(\[（【]?\s*(?:total |final |approximate )*word count\b",
    r"[(\[（【]\s*(?:about|approx\w*\.?|roughly|~)?\s*\d[\d,.]*\s+words?\.?\s*[)\]）】]",
    r"[(\[（【].*\b(?:continued|continues|to follow) in (?:the |my )?next (?:response"
    r"|message|part|reply)\b",
    rf"note ?:.*\b(?:i have|i['’]ve|word count|the (?:above|revised|expanded) {_TEXT})",
)
_LINE = re.compile(
    rf"^[^\w\n“\"‘「『]*(?:{'|'.join(_AT_LINE_START)})", re.IGNORECASE | re.MULTILINE
)
# Where texts about texts are asked for, they may be talked of.
_ABOUT_TEXTS = re.compile(
    r"\b(?:review|critique|analy[sz]\w+|summar\w+|commentary|essay writing|how to write|writing"
    r" (?:guide|tips|lesson|advice|workshop)|editor|tutorial|prompt|language models?|chatbots?"
    r"|translat\w+)\b|评论|赏析|分析|读后感|写作|总结|翻译|教程",
    re.IGNORECASE,
)


# Where another's work is the subject, its course may be told.
_ABOUT_A_WORK = re.compile(
    r"\b(?:books?|novels?|films?|movies?|plays?|poems?|stor(?:y|ies)|tales?|myths?|series|articles?)"
    r" (?:called|titled|entitled|named|by)\b|\bthe (?:book|novel|film|movie|play) [\"“'‘A-Z]"
    r"|\bplots?\b|\bliterature\b|\bread (?:a|an|the)\b|《",
)


class RemarkRule:
    """Talk about the text or its making: `meta_talk`; in prose, outside quotation marks."""

    is_lasting = True
    watches_drafts = False

    def judge(self, text: "JudgedText", known: "Circumstances") -> str | None:
        """Judge the prose."""
        instruction = known.instruction or ""
        if _ABOUT_TEXTS.search(instruction):
            return None
        phrases = _OF_MAKING if _ABOUT_A_WORK.search(instruction) else _OF_ALL
        return "meta_talk" if any(_talks(part, phrases) for part in text.paragraphs) else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: what lasts is looked for in the complete paragraphs."""


def _talks(part: str, phrases: _Phrases) -> bool:
    """Tell whether a paragraph talks so in its own voice."""
    if _LINE.search(part):
        return True
    lower = part.lower()
    return any(
        _is_own_voice(part, match.start())
        for keys, phrase in phrases
        if any(map(lower.__contains__, keys))
        for match in phrase.finditer(part)
    )


def _is_own_voice(part: str, at: int) -> bool:
    before = part[:at]
    is_quoted = before.count("“") > before.count("”") or before.count('"') % 2 == 1
    return not is_quoted and before.count("「") <= before.count("」")
