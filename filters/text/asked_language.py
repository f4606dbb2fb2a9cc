"""The language that an instruction asks for, in whichever language it asks."""

import re

# A language's names, by the script that it is written in: stems that several languages share.
_NAMES = {
    "latin": "english|french|german|spanish|italian|portuguese|dutch|polish|turkish|vietnamese"
    "|indonesian|swedish|latin|czech|romanian|hungarian|finnish|danish|norwegian|swahili",
    "han": "chinese|mandarin|cantonese",
    "kana": "japanese",
    "hangul": "korean",
    "cyrillic": "russian|ukrainian|bulgarian|serbian|mongolian",
    "arabic": "arabic|persian|farsi|urdu",
    "hebrew": "hebrew|yiddish",
    "greek": "greek",
    "devanagari": "hindi|sanskrit|marathi|nepali",
    "bengali": "bengali",
    "tamil": "tamil",
    "thai": "thai",
}
_CHINESE_NAMES = {
    "latin": "英|法|德|西班牙|意大利|葡萄牙|荷兰|波兰|土耳其|越南|印尼|拉丁|西|葡",
    "han": "中|汉|漢|华|國|国",
    "kana": "日|日本",
    "hangul": "韩|韓|朝鲜|朝鮮",
    "cyrillic": "俄|乌克兰|俄罗斯",
    "arabic": "阿拉伯|波斯",
    "hebrew": "希伯来",
    "greek": "希腊",
    "devanagari": "印地|梵",
    "thai": "泰",
}
_OTHER_NAMES = {
    "latin": "英語|フランス語|ドイツ語|スペイン語|イタリア語|ポルトガル語"
    "|영어|프랑스어|독일어|스페인어"
    "|английском|французском|немецком|испанском|anglais|espagnol|allemand|français|inglés|español"
    "|francés|alemán|englisch|deutsch|französisch|spanisch|inglese|francese|inglês|espanhol|português",
    "han": "中国語|중국어|китайском|chinois|chino|chinesisch|cinese|chinês",
    "kana": "日本語|일본어|японском|japonais|japonés|japanisch|giapponese|japonês",
    "hangul": "韓国語|한국어|корейском|coréen|coreano|koreanisch",
    "cyrillic": "ロシア語|러시아어|русском|украинском|russe|ruso|russisch|russo",
    "arabic": "アラビア語|아랍어|арабском|arabe|árabe|arabisch|arabo",
}
# What may follow a language that is asked for; "in French history" is a topic.
_AFTER = (
    r"(?=\s*(?:$|[.,;:!?)\"”]|about\b|on\b|for\b|with\b|and\b|language|prose|verse|that\b|titled|of\b"
    r"|from\b|only|please|to\b|by\b|using|characters))"
)
_IN = r"\b(?:in|into|using|to)\s+(?:\w+\s+)?"
_OPEN = re.compile(
    r"\btranslat\w+|\bbilingual|\bmultilingual|\bfrom the original\b|\bvocabulary\b|\bdual.language"
    r"|翻译|翻譯|双语|雙語|对照|译成|译为|翻訳|번역|перевод|перевед|traduc|tradui|übersetz",
    re.IGNORECASE,
)


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    english = [(script, rf"{_IN}(?:{names})\b{_AFTER}") for script, names in _NAMES.items()]
    chinese = [
        (
            script,
            rf"(?:用|以|使用|写成|成|讲|采用)(?:流利的|地道的|简单的)?(?:{names})(?:语|語|文|话)"
            rf"|(?:{names})(?:语|語|文)(?:作文|文章|信|邮件|演讲|版|短文|故事|诗|散文|撰写|写|書寫|寫)",
        )
        for script, names in _CHINESE_NAMES.items()
    ]
    others = [
        (script, rf"(?:{names})(?:で|로|으로)|\b(?:на|en|auf|in|em)\s+(?:{names})\b")
        for script, names in _OTHER_NAMES.items()
    ]
    return [
        (script, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
        for script, pattern in (*english, *chinese, *others)
    ]


_PATTERNS = _patterns()


def leaves_language_open(instruction: str) -> bool:
    """Tell whether an answer may well hold several languages: a translation, a bilingual text."""
    return bool(_OPEN.search(instruction))


def asked_scripts(instruction: str) -> set[str]:
    """Return the scripts of the languages that an instruction asks an answer to be in."""
    return {script for script, pattern in _PATTERNS if pattern.search(instruction)}
