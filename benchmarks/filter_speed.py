"""How long a profile takes to judge a text, and how that grows with the text.

Each size is the median of several runs; the ratio is between neighbouring sizes of one run.
"""

import random
import statistics
import time
from collections.abc import Callable

import click

from filters import PROFILES, Circumstances, Verdict

_SIZES = (1_000, 10_000, 100_000)
_VOCABULARY = 5_000
_SENTENCE_WORDS, _PARAGRAPH_SENTENCES = 17, 5


def english(num_words: int) -> str:
    """Random words in sentences and paragraphs."""
    rng = random.Random(0)
    words = [f"word{rng.randrange(_VOCABULARY)}" for _ in range(num_words)]
    sentences = [
        " ".join(words[start : start + _SENTENCE_WORDS]) + "."
        for start in range(0, num_words, _SENTENCE_WORDS)
    ]
    return "\n\n".join(
        " ".join(sentences[start : start + _PARAGRAPH_SENTENCES])
        for start in range(0, len(sentences), _PARAGRAPH_SENTENCES)
    )


def chinese(num_words: int) -> str:
    """Random characters in sentences."""
    rng = random.Random(0)
    characters = [chr(0x4E00 + rng.randrange(_VOCABULARY)) for _ in range(num_words)]
    return (
        "。".join(
            "".join(characters[start : start + _SENTENCE_WORDS])
            for start in range(0, num_words, _SENTENCE_WORDS)
        )
        + "。"
    )


def near_loops(num_words: int) -> str:
    """Stretches that almost loop, the slowest case of the loop rule."""
    return " ".join((["again"] * 22 + ["and"]) * (num_words // 23)) + "."


_TEXTS = {"english": english, "chinese": chinese, "near loops": near_loops}


@click.command()
@click.option("--profile", default="default", type=click.Choice(sorted(PROFILES)))
@click.option("--runs", default=5, type=click.IntRange(min=1))
def main(profile: str, runs: int) -> None:
    """Print seconds for each kind and size of text, and the growth per tenfold text."""
    judge = PROFILES[profile]().judge
    click.echo(f"{'text':12} {'words':>8} {'seconds':>9} {'x':>6}")
    for name, make in _TEXTS.items():
        texts = [make(size) for size in _SIZES]
        instruction = texts[0][:200]
        rounds = [[_seconds(judge, text, instruction) for text in texts] for _ in range(runs)]
        for index, size in enumerate(_SIZES):
            median = statistics.median(row[index] for row in rounds)
            growth = (
                statistics.median(row[index] / row[index - 1] for row in rounds) if index else 0
            )
            click.echo(f"{name:12} {size:8,} {median:9.4f} {growth:6.1f}")


def _seconds(judge: Callable[[str, Circumstances], Verdict], text: str, instruction: str) -> float:
    started = time.perf_counter()
    judge(text, Circumstances(instruction=instruction))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
