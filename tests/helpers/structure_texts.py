"""Texts with one structural fault each, and texts that only look like it."""

from prose_texts import BODIES

MILL, BEES, LOG, COUNCIL, BREAD, BOX, CLOCKS, TREE, SALT, LIBRARY = BODIES
ENGLISH = [MILL, BEES, LOG, COUNCIL, BREAD, BOX]
CHINESE = [CLOCKS, TREE, SALT, LIBRARY]


def joined(*parts):
    return "\n\n".join(parts)


def frames(frame, ends):
    return " ".join(f"{frame} {end}." for end in ends)


_WAYS = [
    "help people in their daily life",
    "help people in their working life",
    "help people with their daily work",
    "help many people in daily life",
    "help people and their daily life",
    "help people at work and in life",
]
_GARDEN = [
    "we bought the seed from a pedlar with one eye",
    "frost took every bean before the middle of May",
    "my brother dug a pond and forgot to fill it",
    "a stray goat ate the netting, the twine and a hat",
    "strangers stopped at the fence to ask for cuttings",
]
_FILLER = joined(*ENGLISH[1:])
_LONGER = joined(MILL, BEES, LOG, COUNCIL, BOX)
_CHINESE_LOOP = "这本书将会介绍人们怎样利用技术改善生活。这本书将会介绍人们怎样通过技术改善生活。"

DEFECTS = {
    "frame_loop": [
        joined(MILL, frames("The new book will", _WAYS)),
        joined(LOG, frames("This kind of tool can", _WAYS), BREAD),
        joined(BEES, " ".join(f"It is important to {way}." for way in _WAYS)),
        joined(CLOCKS, _CHINESE_LOOP + _CHINESE_LOOP.replace("改善", "改变")),
    ],
    "poor_stretch": [
        joined(
            BOX,
            " ".join(
                f"We {verb} the things that we have and the things that we {other}, because the"
                f" things that we have are the things that we {other} when we {verb} what we have."
                for verb, other in [("love", "need"), ("keep", "want"), ("need", "love")] * 2
            ),
            LOG,
        ),
        joined(
            COUNCIL,
            " ".join(
                f"{a} is good for people and people are good for {b}, and so {b} and people and"
                f" {a} are good, and what is good for {a} is good for people and for {b} too."
                for a, b in [("work", "life"), ("life", "health"), ("health", "work")] * 3
            ),
        ),
    ],
    "near_repeat": [
        joined(
            MILL,
            "The village council decided in the spring to repair the old stone bridge.",
            BEES,
            "The village council decided in spring to repair the old stone bridge.",
            LOG,
            "And the village council decided in the spring to repair the old bridge.",
        ),
        joined(
            CLOCKS,
            "镇上的人都记得那年冬天大雪封住了通往县城的路。",
            TREE,
            "镇上的人都还记得那年冬天大雪封住了通往县城的路。",
            SALT,
            "镇上的人都记得，那年冬天大雪封住了去县城的路。",
        ),
    ],
    "early_ending": [
        joined(MILL, "In conclusion, a mill is more than a wheel and a roof.", _FILLER),
        joined(BEES, "The End", MILL, *ENGLISH[2:]),
        joined(BREAD, "To sum up, bread wants time.", _LONGER),
        joined(CLOCKS, "总之，时间是留不住的。", *CHINESE[1:], *CHINESE[1:3]),
    ],
    "double_ending": [
        joined(
            MILL,
            "In conclusion, a mill is more than a wheel and a roof.",
            "In summary, the wheel and the roof are the smaller part of a mill.",
        ),
        joined(TREE, "总之，树还在那里。", "综上所述，谁也不愿意动那棵树。"),
    ],
    "unpaired_quotes": [
        joined(BEES.replace("veil.", 'veil, "she said.'), BREAD),
        joined(MILL, '"The race is deep, said the miller, and turned to the wheel.', LOG),
        joined(LOG, "“We never saw the bird again, he wrote.", BREAD),
        joined(CLOCKS, "“慢慢来，师傅说，时间有的是。", TREE),
    ],
    "stray_markup": [
        joined(MILL, "The **ring was never found.", BEES),
        joined(LOG, "<div>The bird was small.</div>"),
        joined(BREAD, "The clock is no help.\\n\\nNobody minds."),
        joined(BOX, "We opened it&nbsp;in the fourth town."),
    ],
    "placeholder": [
        joined(MILL, "[Insert a description of the wheel here]", BEES),
        joined(LOG, "[The rest of the log continues in the same manner.]"),
        joined(BREAD, "To be continued"),
        joined(CLOCKS, "（此处省略三百字）", TREE),
        joined("Dear [recipient's name],", MILL),
        joined(BEES, "[Link to the second part]"),
    ],
    "thinking": [
        f"<think>\nThe user wants a text about a mill.\n</think>\n\n{MILL}",
        f"I should begin with the wheel.\n</think>\n{MILL}",
    ],
    "next_turn": [
        joined(MILL, "### Instruction:\nWrite about a lake.\n\n### Response:\nThe lake is deep."),
        joined(BEES, "User: Thank you!\nAssistant: You are welcome."),
    ],
    "character_flood": [
        joined(MILL, "!" * 300),
        joined(BEES, "The smell of wax aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."),
        joined(BOX, "🎉" * 40),
        "！" * 120,
    ],
    "garble": [
        joined(MILL, "The wheel turn\ufffd\ufffd in spring."),
        joined(LOG, f"The {'floccinauci' * 6} was noted."),
    ],
    "stray_script": [
        joined(BEES, "She felt a deep 孤独 on such afternoons."),
        joined(SALT, "他心里有一种说不出的одиночество。"),
        joined(BREAD, "The dough остается warm."),
        joined(TREE, "孩子们都很행복하게地笑着。"),
    ],
    "meta_talk": [
        joined(MILL, "The second paragraph describes how the children found the ring.", BEES),
        joined(BREAD, "Finish with a short ending that leaves the reader thoughtful."),
        joined(LOG, "Here is a longer version of the text, with more detail:", BEES),
        joined(BOX, "(Word count: 1,204 words)"),
        joined(COUNCIL, "I hope this helps with your project."),
        joined(BEES, "So, write this next paragraph in a few sentences.", LOG),
        joined(LOG, "It goes on after that, and ends in about 900 words.", BREAD),
        joined(MILL, "Here's the final part: I want to speak of the miller.", BEES),
        joined(COUNCIL, "Tell me if you would like me to work on something else."),
        joined(MILL, "This ending shows how much the mill meant to the valley."),
        joined(BEES, "You might add more details about the hive here."),
        joined(LOG, "The story ends with the captain, who closes his book.", BREAD),
        joined(BOX, "It was her last letter. This story is filled with hope and with loss."),
        joined(COUNCIL, "The rest of the article is for those who want to read on."),
        joined(MILL, "Read this entire piece again, and tell your friends."),
        joined(CLOCKS, "第二段主要描写师傅的手艺。", TREE),
        joined(CLOCKS, "故事的结尾部分描述了师傅的离开。", TREE),
        joined(TREE, "全文共约八百字，符合要求。"),
        joined(SALT, "以上是扩写后的文章，增加了细节。"),
    ],
    "local_repeat": [
        joined(
            MILL,
            "The miller said that the wheel would turn again in spring. He said that the wheel "
            "would turn again when the snow was gone.",
            BEES,
            "She opened the hive with bare hands every morning at six, and she opened the hive "
            "with bare hands every morning in winter too.",
            "Nobody had ever seen her wear a veil, and nobody had ever seen her wear a glove.",
            LOG,
        ),
        joined(
            BREAD,
            *(
                f"They had come to the {place} because it was the {place} that they had come to, "
                f"and it was the {place} that they had come to see."
                for place in ("bakery", "harbour", "market")
            ),
        ),
    ],
    "loop": [
        joined(MILL, "And the wheel turned and the wheel stopped and " * 12 + "the wheel turned."),
        joined(
            "# Ways to save water",
            "\n".join(f"{number}. Close the tap when you wash." for number in range(1, 31)),
            "That is all.",
        ),
        joined(CLOCKS, "\n".join(f"{number}. 多买新书。" for number in range(1, 31))),
    ],
}

LOOKALIKES = {
    "frame_loop": [
        joined(MILL, frames("In the third year", _GARDEN)),
        joined(
            "I remember",
            "I remember the smell of the rain\nI remember the dog at the gate\n"
            "I remember the sound of the train\nI remember that we were late",
        ),
        joined(
            "# Articles of the boat club",
            *(
                f"{number}. The member shall {duty}."
                for number, duty in enumerate(
                    [
                        "pay the yearly fee before the first of March",
                        "keep oars, ropes and lamps in their places",
                        "report every collision to the harbour office",
                        "lend no vessel to persons outside the club",
                        "leave the slip free on market days",
                    ],
                    start=1,
                )
            ),
        ),
    ],
    "poor_stretch": [
        joined(
            "Questions about the pool",
            *(
                f"**May I bring {thing} into the hall?**\n\nYes, you may bring {thing} into the"
                f" hall if it is dry and if it is kept under the bench by the door. {note}"
                for thing, note in [
                    ("a bag", "Lockers cost one crown."),
                    ("an umbrella", "Wet ones belong on the rack outside."),
                    ("a pushchair", "Brakes must be locked."),
                    ("a scooter", "Fold the handlebar first."),
                    ("a ball", "It stays deflated until Sunday."),
                ]
            ),
        ),
    ],
    "near_repeat": [
        joined(
            "The lamp song",
            "The boats are out, the boats are few,\nthe night is cold and long,",
            "light the lamp, my dear, my dear,\nand sing the lamp a song,\nsing it low, oh sing it",
            "The boats come home, the boats are wet,\nthe nets are torn and thin,",
            "light the lamp, my dear, my dear,\nand sing the lamp a song,\nsing it low, oh sing it",
            "The lamp burns on, the lamp burns down,\nthe morning lets them in.",
        ),
        joined(
            MILL, "The council decided to repair the old stone bridge before the winter.", COUNCIL
        ),
    ],
    "early_ending": [
        joined(_FILLER, "In conclusion, small things last.", "So much for mills and bees."),
        joined(
            "# Two reports",
            "## The mill",
            MILL,
            "In summary, the wheel needs new boards.",
            "## The bridge",
            _FILLER,
        ),
        joined(MILL, "In the end of May the brook was full again.", _FILLER),
    ],
    "double_ending": [joined(MILL, "In conclusion, a mill is more than a wheel and a roof.")],
    "unpaired_quotes": [
        joined(
            '"Come in," said the miller.',
            '"The race is deep. My father lost a boot in it.',
            '"And he lost it twice," he added.',
        ),
        joined(MILL, 'The ring was 6" wide and 2" thick, and 1\' 4" above the water.'),
        joined(LOG, "“Home,” he had written; and under it: “Soon.”"),
    ],
    "stray_markup": [
        joined(MILL, "**The ring** was *never* found."),
        joined(BREAD, "The tag `<div>` opens a block, and `&nbsp;` is a space."),
        joined(LOG, "* wind\n* visibility\n* oil"),
    ],
    "placeholder": [
        joined(MILL, "[He pauses at the door.]", "The rest of the wheel was oak."),
        joined(BEES, "See [date palms](https://example.org/palms) and [the map].", LOG),
        joined(LOG, "The story of the bird is to be continued by whoever finds it."),
    ],
    "thinking": [joined(BREAD, "I think <3 is a heart, and the tag `<think>` opens a thought.")],
    "next_turn": [
        joined("MARTA: Where is the boat?", "TOM: Gone.", "MARTA: And the dog?", "TOM: Also gone."),
        joined(BREAD, "The assistant: a boy of twelve, and already a better baker than I."),
    ],
    "character_flood": [
        joined(MILL, "Noooooo! she cried. Hahahaha!!!"),
        joined(LOG, "----------------------------------------", BREAD),
        joined("Keys .......................... 12\n\nLamps ......................... 14", BOX),
    ],
    "garble": [joined(BREAD, "A long word: Donaudampfschiffahrtsgesellschaftskapitän.")],
    "stray_script": [
        joined(BEES, "The Chinese write 蜂 for a bee, and the Greeks said μέλισσα."),
        joined(SALT, "他在日记里写下“тоска”这个词。"),
        joined(BREAD, "The sum is α + β, where α is the flour."),
        joined(TREE, "孩子们用 iPad 拍下了这棵树。"),
    ],
    "meta_talk": [
        joined(MILL, "The second chapter of his life began with the flood."),
        joined(BEES, "Let me know whether you can come in June. I hope you are well."),
        joined(LOG, "This essay is about what a dull book can hide."),
        joined(BOX, "“Here is the letter,” she said, “and the text is short.”"),
        joined(COUNCIL, "We continue the story of the bridge next week. Write to the council."),
        joined(CLOCKS, "根据师傅的说法，走得太准的钟没有意思。"),
        joined(MILL, "The story of the mill begins with a flood. Add more salt if you like."),
        joined(BEES, "“This story is true,” he said, and told her the rest of the story."),
        joined(COUNCIL, "This bridge is the end of the road; to draft the next plan takes a year."),
    ],
    "local_repeat": [
        joined(MILL, "A mill is a mill is a mill, said the miller, and a mill it is.", BEES),
        joined(
            BREAD,
            "We will bake in the morning, we will bake at noon, and we will bake at night.",
            LOG,
            "I hope to see the river run clear. I hope to see the day when the mill turns again.",
        ),
    ],
    "loop": [
        joined(MILL, "Round and round and round it went, and round again. Never, never, never!"),
        joined("\n".join(f"{number}. {word}" for number, word in enumerate(
            ["salt", "rope", "lamp", "oil", "bread"], start=1)), "Nothing else."),
    ],
}  # fmt: skip
