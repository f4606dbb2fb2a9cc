"""Is an instruction a task for a writer, and what kind of text does it ask for?"""

import re
from functools import lru_cache

_ENGLISH_KINDS = {
    "story": "stor(?:y|ies)|tale|novel|novella|fable|legend|narrative|myth|screenplay|script|play"
    "|dialogue|monologue|scene|diary|memoir|biography|autobiography|poem|epic|fiction|adventure"
    "|journal",
    "essay": "essay|article|op-ed|commentary|reflection|critique|analysis|argument|column|review"
    "|comparison",
    "report": "report|study|survey|white paper|summary|history|account|documentary|paper"
    "|investigation|assessment|chronicle",
    "speech": "speech|address|lecture|sermon|talk|presentation|eulogy|toast|podcast",
    "feature": "feature (?:article|story)|magazine feature|portrait|interview|blog|travelogue"
    "|magazine|newsletter|press release|letter",
    "proposal": "proposal|plan|pitch|strategy|policy|petition|constitution|contract|charter"
    "|curriculum",
    "guide": "guide|manual|handbook|tutorial|instructions|textbook|cookbook|book|course|lesson"
    "|walkthrough|guidebook",
}
_CHINESE_KINDS = {
    "story": "小说|故事|童话|寓言|剧本|传记|日记|回忆录|神话|诗|对话",
    "essay": "议论文|散文|评论|随笔|文章|论文|杂文|影评|书评|作文|赏析",
    "report": "报告|调查|白皮书|综述|总结|纪要|研究",
    "speech": "演讲|讲话|致辞|发言|讲稿|悼词|播客",
    "feature": "专访|特写|通讯|游记|报道|采访|博客|新闻稿|书信|一封信",
    "proposal": "策划|方案|计划|提案|建议书|规划|倡议书|章程|合同",
    "guide": "指南|手册|教程|说明书|攻略|食谱|教案",
}
WRITTEN_KINDS = tuple(_ENGLISH_KINDS)
KINDS = (*WRITTEN_KINDS, "other")
"""Kinds of text: those that the built-in prompts ask for, and others."""
_OF_KIND = {
    kind: re.compile(rf"\b(?:{_ENGLISH_KINDS[kind]})s?\b|{_CHINESE_KINDS[kind]}", re.IGNORECASE)
    for kind in _ENGLISH_KINDS
}
_WRITE = (
    r"write|compose|draft|narrate|pen|describe|explain|discuss|tell|retell|recount|explore|argue"
    r"|summari[sz]e|document|record|chronicle|imagine|analy[sz]e|compare|reflect"
)
# A sentence that begins so tells of something; one that begins otherwise, or after a comma, orders.
_TELLS = (
    r"the|an?|this|that|these|those|it|they|he|she|we|i|you|there|our|my|his|her|their|its|one|some"
    r"|many|most|each|every|all|no|two|three|people|in|on|at|as|after|when|while|if|for|with|from"
)
_BEFORE_VERB = (
    r"(?:\W*(?:please|kindly|then|next|also|and|(?:using|for|in|as|from|with|after|based|drawing"
    r"|on|at|to|by|through|when|if|suppose|you)\b[^.!?\n]{1,120}?,)\s+)*\W*"
)
_START = r"(?:^|[.!?:;]\s+)"
_ASKS = r"(?:can|could|would|will) you |i(?:['’]d like| need| want| would like) (?:you to )?"
_WRITES = re.compile(rf"{_START}{_BEFORE_VERB}(?:{_ASKS})?(?:{_WRITE})\b", re.IGNORECASE)
_ORDERS = re.compile(
    rf"{_START}\W*(?!(?:{_TELLS})\b)[a-z][a-z'-]+ |{_START}{_BEFORE_VERB}(?:{_ASKS})|,\s*invent\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"(?:\S+\s+){7,}\S+\?")
_CHINESE_TASK = re.compile(
    r"[写撰拟编请]|创作|起草|描述|描写|介绍|讲述|论述|谈谈|阐述|记叙|设计|制定|整理|分析|探讨|说明|来一篇|想读"
)
_SHORT = re.compile(
    r"\b(?:short|brief|concise|one-sentence|two-sentence|single-paragraph) (?:\w+ )?"
    r"(?:note|message|article|summary|essay|paragraph|description|answer|text|poem|letter|list)\b"
    r"|\b(?:in|of|with) (?:one|two|three|a few) (?:sentence|line|word)s?\b|\btweet\b|\bslogan\b"
    r"|\bhaiku\b|\b(?:[1-9]?\d|[1-4]\d\d)[- ]words?\b|一句话|[一两三]句|简短|短信|口号"
    r"|标语|(?<![\d,，.])[1-4]?\d?\d字",
    re.IGNORECASE,
)
_BROKEN_END = re.compile(r"(?:[,，、:：;；(（-]|\b(?:the|an?|and|or|of|to|with|for|that))\s*$")


def objection_to_task(instruction: str) -> str | None:
    """Return why no long text follows from an instruction, or None.

    `broken_task`: it stops in the middle; `asks_for_short`; `no_task`: nothing tells to write, and
    no kind of text is named.
    """
    text = instruction.strip()
    if _BROKEN_END.search(text) or text.count('"') % 2:
        return "broken_task"
    if _SHORT.search(text):
        return "asks_for_short"
    return None if _asks_for_text(text) else "no_task"


def _asks_for_text(text: str) -> bool:
    if _CHINESE_TASK.search(text) or _WRITES.search(text) or _QUESTION.search(text):
        return True
    return kind_of(text) != "other" and bool(_ORDERS.search(text))


@lru_cache(maxsize=4096)
def kind_of(instruction: str) -> str:
    """Name the kind of text that an instruction asks for: the one that it names first."""
    found = {
        kind: match.start()
        for kind, names in _OF_KIND.items()
        if (match := names.search(instruction))
    }
    return min(found, key=lambda kind: (found[kind], kind)) if found else "other"
