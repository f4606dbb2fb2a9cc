"""Talk about the text instead of the text: meta talk, refusals, closing offers, leaked prompts.

Each phrase is matched at the beginning of a line, without regard to case, after any punctuation.
It must say something about the text or the assistant itself: what a letter, a speech or a story may
well say to its own reader does not belong here.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filters.rule import Circumstances, GrowingText, Sign
    from filters.text.judged import JudgedText

_TEXT = (
    r"(?:version|draft|essay|article|story|response|answer|text|report|letter|speech|outline|piece"
    r"|paragraphs?|continuation|extension|expansion|passage|content|document|guide|example)\b"
)
_HERE = r"here(?:['’]s| is| are)|below is|the following is"
_REWORKED = r"(?:revised|extended|expanded|rewritten|lengthened|improved|updated|longer)"
_AI = r"(?:ai|artificial intelligence|(?:large )?language model)\b"
_CANNOT = r"(?:cannot|can not|can['’]t|won['’]t|will not|am unable to|am not able to)"
_SORRY = (
    r"(?:i['’]m (?:\w+ )?sorry|i am (?:\w+ )?sorry|sorry|unfortunately|apologies|i apologi[sz]e)"
)
_THIS = r"(?:this|that|such|your|the)"
_ASKED = r"(?:request|question|task|prompt|story|essay|article|text|content)"
_DO = (
    r"(?:assist|help (?:you|with)|provide|fulfil|comply|generate|create"
    rf"|(?:write|complete|continue with) {_THIS} (?:\w+ )?{_ASKED}\b|answer (?:this|that|your)\b)"
)
_CHANGE = r"(?:change|revise|expand|adjust|add|make|continue|elaborate|modify|edit|rewrite|extend)"
_OBLIGE = r"(?:be (?:happy|glad)|help|write|create|craft|provide|draft|compose|assist)\b"
_PRAISE = r"(?:wonderful|great|fantastic|excellent|lovely|interesting|good|fascinating)"
_HELP_ZH = r"(?:随时|请|可以)?(?:告诉我|联系我|告知我|向我|随时提出|问我|让我)"

_META_OPENINGS = (
    rf"(?:\w+[,.!:]? )?(?:{_HERE}) (?:an?|the|your|my|one) (?:[\w,'’-]+ ){{0,6}}{_TEXT}.*:\W*$",
    rf"(?:\w+[,.!:]? )?(?:{_HERE}) \w+ (?:[\w-]+ )?{_REWORKED} (?:\w+ ){{0,3}}{_TEXT}",
    r"(?:sure|certainly|absolutely|of course|okay) ?[,.!:]\s*(?:here(?:['’]s| is| are)\b|below)",
    rf"(?:sure|certainly|absolutely|of course) ?[,.!:]\s*i(?:['’]d| would|['’]ll| will"
    rf"| can) {_OBLIGE}",
    rf"(?:what an?|that['’]s an?|this is an?)? ?{_PRAISE} (?:topic|question|prompt|idea|request)\b",
    rf"i(?:['’]d| would) be (?:happy|glad|delighted|pleased) to {_OBLIGE}",
    r"(?:sure|certainly|absolutely|of course)[!.]\s*$",
    rf"{_REWORKED} (?:\w+ )?{_TEXT}\s*:",
    rf"i(?:['’]ve| have) {_REWORKED}\b",
    rf"{_REWORKED} (?:version|draft)\W*$",
    r"(?:好的|当然(?:可以)?|没问题|明白了)[，,。！!：:]\s*(?:以下|下面|这是|我将|我会|我来|为您|为你|根据)",
    r"(?:根据|按照)(?:您|你)的(?:要求|提示|指示)|我(?:将|会)?为(?:您|你)(?:写|创作|准备|撰写)",
    r"(?:以下|下面|这)(?:就)?是[^。\n]{0,40}(?:版本|内容|文章|回答|回复|扩写|续写|范文|示例|稿)[^。\n]{0,8}[：:]",
    r"(?:以下|下面|这)(?:就)?是[^。\n]{0,20}(?:扩[写展充]|修改|改写|续写)[^。\n]{0,10}(?:版本|内容|文章|稿)",
    r"(?:扩[写展充]|修改|改写|续写)后的?(?:版本|内容|文章|全文)[：:]",
)
_REFUSAL_OPENINGS = (
    rf"{_SORRY}[,.:;!]?\s*(?:but )?i {_CANNOT} {_DO}\b",
    rf"{_SORRY}[,.:;!]?\s*(?:but )?(?:i['’]m|i am) (?:not able|unable|only|just|an? {_AI})",
    rf"{_SORRY}[,.:;!]?\s*(?:but )?as an? {_AI}",
    rf"i {_CANNOT} {_DO}\b",
    rf"as an? {_AI}(?: (?:language )?model| assistant)?, i\b",
    r"(?:很抱歉|抱歉|对不起)[，,]?\s?但?(?:我|作为)[^。\n]{0,20}(?:无法|不能|AI|人工智能|语言模型)",
    r"作为(?:一个|一名|一款)?(?:大?型?语言模型|人工智能|AI)(?:助手|语言模型|模型)?[，,]",
    r"我(?:无法|不能)(?:提供|协助|满足|生成|完成(?:您|你|这个)的?(?:请求|任务|要求))",
)
_CLOSING_OFFERS = (
    rf"(?:please )?let me know\b.*\bme to {_CHANGE}\b",
    r"(?:please )?let me know\b.*\b(?:changes|revisions|adjustments|edits|further|anything else)\b",
    r"(?:please )?feel free to (?:ask (?:me|if|for (?:more|any))|let me know|modify"
    r"|adjust|edit|revise)\b",
    r"i hope (?:this|that|you find this|the above)(?: \w+){0,4}? (?:helps|meets|helpful|useful)\b",
    rf"would you like me to (?:proceed|write|{_CHANGE})\b",
    r"is there anything else (?:you|i)\b",
    rf"(?:note|disclaimer) ?:.*\b(?:i have|i['’]ve|word count|the (?:above"
    rf"|revised) {_TEXT}|this (?:{_REWORKED}|response|draft))",
    r"i hope you(?:['’]ve| have)? (?:enjoyed|liked|found)\b.*\b(?:story|essay|text"
    r"|article|poem|guide)\b",
    r"if you(?:['’]d| would) like me to\b",
    r"(?:希望|但愿)(?:以上|这|上述|本)[^。！\n]{0,30}(?:有所?帮助|有用|满意|符合|满足)",
    rf"(?:如果|若|如)(?:您|你)?(?:还|有|需要|想)[^。！\n]{{0,40}}{_HELP_ZH}",
    r"(?:请问|您)?(?:还)?(?:需要|要)我(?:继续|修改|调整|扩写|补充)",
    r"(?:注|备注|说明)[：:].*(?:以上|扩写|字数|生成|修改)",
)
_BARE_REFUSAL = re.compile(
    r"\b(?:goes against|violates?|against) (?:my|our|the) (?:\w+ )?(?:guidelines"
    r"|polic(?:y|ies)|rules)"
    r"|\bi (?:cannot|can['’]t|won['’]t|am (?:not able|unable) to) (?:help|assist) (?:with|you)\b"
    r"|(?:无法|不能|不便)(?:提供|协助|满足|处理|讨论)|换(?:个|一个)话题",
    re.IGNORECASE,
)
_MAX_REFUSAL_CHARS = 200
_MAX_LINE_CHARS = 400


def _at_line_start(phrases: Iterable[str]) -> re.Pattern[str]:
    """A line that opens with a quotation mark is a character's."""
    return re.compile(rf"(?:(?![“\"‘'「『«])\W)*(?:{'|'.join(phrases)})", re.IGNORECASE)


_META_OPENING = _at_line_start(_META_OPENINGS)
_REFUSAL_OPENING = _at_line_start(_REFUSAL_OPENINGS)
_CLOSING_OFFER = _at_line_start(_CLOSING_OFFERS)


def opens_with_meta_talk(first_line: str) -> bool:
    """Tell whether the first line announces a text or calls it revised or extended."""
    return bool(_META_OPENING.match(first_line[:_MAX_LINE_CHARS]))


def opens_with_refusal(first_line: str) -> bool:
    """Tell whether the first line refuses, or speaks as a language model."""
    return bool(_REFUSAL_OPENING.match(first_line[:_MAX_LINE_CHARS]))


def is_closing_offer(last_line: str) -> bool:
    """Tell whether the last line offers the reader more of the assistant's work."""
    return bool(_CLOSING_OFFER.match(last_line[:_MAX_LINE_CHARS]))


def is_bare_refusal(text: str) -> bool:
    """Tell whether a text is a refusal in other words, and nothing else."""
    return len(text.strip()) <= _MAX_REFUSAL_CHARS and bool(_BARE_REFUSAL.search(text))


def judge_opening(first_line: str) -> str | None:
    """Return `refusal` or `meta_talk` if a first line is one."""
    if opens_with_refusal(first_line):
        return "refusal"
    return "meta_talk" if opens_with_meta_talk(first_line) else None


class OpeningRule:
    """Meta talk or a refusal in the first line: `refusal`, `meta_talk`."""

    is_lasting = True
    watches_drafts = True

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the first line."""
        if not text.is_beginning and is_bare_refusal(text):
            return "refusal"
        return judge_opening(text.strip().split("\n", 1)[0])

    def sign(self, _known: "Circumstances") -> "Sign":
        """Return a fresh sign."""
        return OpeningSign()


class OpeningSign:
    """Meta talk or a refusal in the first line, judged when the line is complete."""

    def __init__(self) -> None:
        self._is_judged = False

    def __call__(self, growing: "GrowingText") -> str | None:
        """Return `meta_talk` or `refusal`."""
        if self._is_judged:
            return None
        first_line, line_break, _ = growing.text.lstrip().partition("\n")
        if not line_break:
            return None
        self._is_judged = True
        return judge_opening(first_line)


class OfferRule:
    """A last line that offers more of the assistant's work: `closing_offer`."""

    is_lasting = False
    watches_drafts = False

    def judge(self, text: "JudgedText", _known: "Circumstances") -> str | None:
        """Judge the last line."""
        return "closing_offer" if is_closing_offer(text.strip().rpartition("\n")[2]) else None

    def sign(self, _known: "Circumstances") -> None:
        """Return none: a line may follow."""
