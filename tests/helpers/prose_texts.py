"""Prose without faults, written for these tests: bodies of texts, and endings of many genres."""

BODIES = [
    "The mill stood at the end of the lane for as long as anybody could remember. Its wheel turned"
    " in spring, when the brook was full, and rested through the dry months.\n\nChildren were told"
    " not to play near the race. They went there all the same, and each generation found the iron"
    " ring in the wall and asked what had once been tied to it.",
    "My grandmother kept bees behind the school. On warm afternoons the smell of wax came through"
    " the open windows, and even the strictest teacher slowed down a little.\n\nShe never wore a"
    " veil. She said that a person who is in no hurry has nothing to fear from an insect that is.",
    "A lighthouse keeper's log is a dull book. Wind, visibility, oil burned, ships passed: the same"
    " four columns on every page, in three different hands.\n\nBut on the nineteenth of November"
    " somebody drew a small bird in the margin, and under it the word *home*.",
    "The council met on Tuesday to decide about the bridge. Engineers had measured the cracks"
    " twice, first with a tape and then with a laser, and arrived at different numbers.\n\nMrs"
    " Okafor asked which of the two would carry a school bus. Nobody in the room could tell her.",
    "Bread is mostly patience. Flour and water know what to do when they are left alone; the"
    " baker's work is to notice when they have done it.\n\nIn winter the dough takes twice as long,"
    " and the kitchen clock is no help at all.",
    "Anyone who has moved house knows the last box. It holds what fitted nowhere: a key without a"
    " lock, half a candle, a photograph of strangers.\n\nWe carried ours through four towns before"
    " we dared to open it.",
    "老街的尽头有一家修表铺。铺子很小，只放得下一张桌子和两把椅子，墙上却挂满了钟。\n\n师傅修了一辈子表，自己却"
    "从不戴表。他说，听惯了这么多钟走路的声音，时间就不用看了。",
    "村口的老槐树是去年夏天被雷劈开的。半边枯了，半边还绿着，孩子们照样在树下捉迷藏。\n\n有人提议把它锯掉，说是"
    "怕伤着人。商量了三次，谁也没有把锯子带来。",
    "去海边的那条路要翻过两座山。第一座山上有茶园，第二座山上只有风。\n\n父亲年轻时挑着盐走这条路，天不亮动身，"
    "回来的时候满天都是星星。",
    "图书馆闭馆的时候，总有一位老人最后离开。他把椅子推回原处，把看过的报纸叠好，再向门口的保安点点头。\n\n有一天"
    "他没有来。保安在他的座位上看到一张纸条，上面只写着借书证的号码。",
]

ENDINGS = {
    "full stop": "Nothing more was said about it.",
    "speech": "“Then we had better start,” she said.",
    "question": "Who would have thought of that?",
    "letter": "With kind regards to all of you,\n\nEleanor Marsh",
    "letter in brief": "Yours ever,\nTom",
    "dated": "Written at Halden\n14 March 1921",
    "end mark": "THE END",
    "report": "--- End of Report ---",
    "press": "-30-",
    "stage": "[The lights fade. Curtain.]",
    "act": "(Exit MARTA with the lantern)",
    "hashtags": "#slowtravel #bees #home",
    "link": "Opening hours: https://example.org/visit",
    "doi": "Marsh, E. (1921). Bees and bells. *Annals*, 4, 12-19. doi:10.1000/abc.12",
    "link definition": "[1]: https://example.org/log",
    "mathematics": "Both lengths are equal:\n\n$$a^2 = b^2 + c^2$$",
    "proof": "The two sums agree, as was to be shown. ∎",
    "list": "Take with you:\n\n- a lamp\n- two ropes\n- the key of the boathouse",
    "steps": "1. Fill the kettle\n2. Wait\n3. Pour",
    "caption": "| Month | Depth |\n|---|---|\n| May | 2 m |\n\n*Table 1: depth at the bridge*",
    "signature fields": "Owner: ______________\n\nDate: ______________",
    "verse": "and the bell goes under\nand the rope goes slack\nand the water keeps walking\nhome",
    "emoji": "See you at the hives 🐝",
    "postscript": "P.S. The ring is still in the wall.",
    "thanks": "Thank you",
    "code": "```\nprint(depth)\n```",
    "Chinese full stop": "这件事后来再也没有人提起。",
    "Chinese speech": "“那就走吧。”他说。",
    "Chinese end mark": "（全文完）",
    "Chinese date": "清河镇文化站\n2023年5月6日",
    "Chinese contract": "甲方（签字）：\n\n乙方（签字）：",
    "Chinese greeting": "此致\n敬礼！",
    "Chinese thanks": "谢谢大家",
    "Chinese verse": "风把钟声\n吹到山那边\n山那边\n还是山",
    "broken off": "“等一下，我还没有——”",
}

CUT = {
    "in a sentence": "Nobody knew why the",
    "after a comma": "When the wheel had stopped turning,",
    "after a colon": "These are the reasons:",
    "after a title": "The letter was signed by Dr.",
    "a bare number": "1. Fill the kettle.\n2. Wait.\n3.",
    "a bare heading": "## What the keeper saw.",
    "a bare question": "## Who lived there?",
    "Chinese": "后来我们才知道，那封信其实",
    "Chinese comma": "等到船靠了岸，",
    "an item": "Take with you:\n\n- a lamp\n- two ropes\n- the key of the",
}
