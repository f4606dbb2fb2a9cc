"""A scripted author: every answer follows from the request's id, and some of them are bad."""

import random

from scripted_engine import Answer
from synth.engine.base import FinishReason, Request
from synth.method.stages import Stage

_SYLLABLES = [a + b for a in "bdfglmnprst" for b in "aeiou"]


def words(rng: random.Random, num_words: int) -> str:
    return " ".join("".join(rng.choices(_SYLLABLES, k=3)) for _ in range(num_words))


def paragraph(rng: random.Random, num_words: int) -> str:
    return words(rng, num_words).capitalize() + "."


def essay(rng: random.Random, num_paragraphs: int) -> str:
    return "\n\n".join(paragraph(rng, rng.randrange(15, 40)) for _ in range(num_paragraphs))


def write(request: Request) -> Answer:
    """Answer a request; about one answer in five has something wrong with it."""
    rng = random.Random(request.id)
    mishap = rng.random()
    if request.kind is Stage.JUDGE:
        return Answer("No" if mishap < 0.2 else "Yes.")
    if mishap < 0.03:
        return Answer("", FinishReason.ERROR)
    if request.kind is Stage.EXPAND:
        return Answer(_instruction(rng, mishap))
    return _text(request, rng, mishap)


def _instruction(rng: random.Random, mishap: float) -> str:
    if mishap < 0.1:
        return " Too short."
    if mishap < 0.3:
        # One of a few that come up again and again: near-duplicates.
        rng = random.Random(f"common {rng.randrange(4)}")
    return f" Write an essay on {words(rng, 14)}."


def _text(request: Request, rng: random.Random, mishap: float) -> Answer:
    num_paragraphs = 3 if request.kind is Stage.GENERATE else 6
    text = essay(rng, num_paragraphs)
    if request.kind is Stage.EXTEND_TAIL:
        text = "\n\n" + text
    if mishap < 0.08:
        return Answer(text, FinishReason.LENGTH)
    if mishap < 0.13:
        return Answer(text + " " + "and so on " * 60)
    if mishap < 0.18:
        return Answer("Sure! Here is your essay:\n\n" + text)
    return Answer(text.removesuffix(".") if mishap < 0.23 else text)
