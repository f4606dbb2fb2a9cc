"""Phrases of assistants about their own text, English and Chinese, as regular expressions.

Each is matched at the beginning of a line, without regard to case, after any punctuation.
A phrase must say something about the text or the assistant itself: what a letter, a speech or a
story may well say to its own reader does not belong here.
"""

_TEXT = (
    r"(?:version|draft|essay|article|story|response|answer|text|report|letter|speech|outline|piece"
    r"|paragraphs?|continuation|extension|expansion|passage|content|document|guide|example)\b"
)
_HERE = r"here(?:['’]s| is| are)|below is|the following is|this is"
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
    rf"|(?:write|complete|answer|continue with) {_THIS} (?:\w+ )?{_ASKED}\b)"
)
_CHANGE = r"(?:change|revise|expand|adjust|add|make|continue|elaborate|modify|edit|rewrite|extend)"
_HELP_ZH = r"(?:随时|请|可以)?(?:告诉|联系|告知|向我|提出|问我|让我)"

META_OPENINGS = (
    rf"(?:\w+[,.!:]? )?(?:{_HERE}) (?:an?|the|your|my|one) (?:[\w,'’-]+ ){{0,6}}{_TEXT}.*:\W*$",
    rf"(?:\w+[,.!:]? )?(?:{_HERE}) \w+ (?:[\w-]+ )?{_REWORKED} (?:\w+ ){{0,3}}{_TEXT}",
    r"(?:sure|certainly|absolutely|of course) ?[,.!:]\s*(?:here|below|i['’ ])",
    r"(?:sure|certainly|absolutely|of course)[!.]\s*$",
    rf"{_REWORKED} (?:\w+ )?{_TEXT}\s*:",
    rf"i(?:['’]ve| have) {_REWORKED}\b",
    rf"{_REWORKED} (?:version|draft)\W*$",
    r"(?:好的|当然(?:可以)?|没问题|明白了)[，,。！!：:]\s*(?:以下|下面|这是|我将|我会|我来|为您|为你)",
    r"(?:以下|下面|这)(?:就)?是[^。\n]{0,40}(?:版本|内容|文章|回答|回复|扩写|续写|范文|示例|稿)[^。\n]{0,8}[：:]",
    r"(?:以下|下面|这)(?:就)?是[^。\n]{0,20}(?:扩[写展充]|修改|改写|续写)[^。\n]{0,10}(?:版本|内容|文章|稿)",
    r"(?:扩[写展充]|修改|改写|续写)后的?(?:版本|内容|文章|全文)[：:]",
)
REFUSAL_OPENINGS = (
    rf"{_SORRY}[,.:;!]?\s*(?:but )?i (?:{_CANNOT}|do not|don['’]t|could not|couldn['’]t)\b",
    rf"{_SORRY}[,.:;!]?\s*(?:but )?(?:i['’]m|i am) (?:not able|unable|only|just|an? {_AI})",
    rf"{_SORRY}[,.:;!]?\s*(?:but )?as an? {_AI}",
    rf"i {_CANNOT} {_DO}\b",
    rf"as an? {_AI}(?: (?:language )?model| assistant)?,",
    r"(?:很抱歉|抱歉|对不起)[，,]?\s?但?(?:我|作为)[^。\n]{0,20}(?:无法|不能|AI|人工智能|语言模型)",
    r"作为(?:一个|一名|一款)?(?:大?型?语言模型|人工智能|AI)(?:助手|语言模型|模型)?[，,]",
    r"我(?:无法|不能)(?:提供|协助|满足|生成|完成(?:您|你|这个)的?(?:请求|任务|要求))",
)
CLOSING_OFFERS = (
    rf"(?:please )?let me know\b.*\bme to {_CHANGE}\b",
    r"(?:please )?let me know\b.*\b(?:changes|revisions|adjustments|edits|further|anything else)\b",
    r"(?:please )?feel free to (?:ask|let me know|modify|adjust|edit|revise)\b",
    r"i hope (?:this|that|you find this|the above)(?: \w+){0,4}? (?:helps|meets|helpful|useful)\b",
    rf"would you like me to {_CHANGE}\b",
    r"is there anything else (?:you|i)\b",
    rf"(?:note|disclaimer) ?:.*\b(?:i have|i['’]ve|word count|this {_TEXT}|the (?:above|revised) )",
    r"(?:希望|但愿)(?:以上|这|上述|本)[^。！\n]{0,30}(?:有所?帮助|有用|满意|符合|满足)",
    rf"(?:如果|若|如)(?:您|你)?(?:还|有|需要|想)[^。！\n]{{0,40}}{_HELP_ZH}",
    r"(?:请问|您)?(?:还)?(?:需要|要)我(?:继续|修改|调整|扩写|补充)",
    r"(?:注|备注|说明)[：:].*(?:本文|以上|扩写|字数|生成|修改)",
)
CONTROL_TEXT = r"<\|[A-Za-z_/]{2,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
"""Special tokens spelled out: ChatML, Llama 2 and 3, Gemma."""
