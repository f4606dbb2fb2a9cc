"""An engine that answers at once, in pieces as vLLM streams them: what is left is our own cost."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from synth.engine.base import Completion, EngineLoad, FinishReason, NewWatch, Request
from synth.method.seeds.seed_file import load_seeds
from synth.method.stages import Stage

# SmolLM2's tokenizer on the seed instructions: 1.3 tokens a word.
_TOKENS_PER_WORD = 1.3
_SENTENCE_WORDS, _PARAGRAPH_SENTENCES = 17, 5
_INSTRUCTION_WORDS = 24


@dataclass(frozen=True)
class Text:
    """A text as it streams."""

    pieces: tuple[str, ...]
    num_tokens: int


class InstantEngine:
    """Answers from a stock of random texts; an extension is longer than what it extends."""

    def __init__(self, num_seqs: int, num_words: int, stream_interval: int) -> None:
        self._num_seqs = num_seqs
        self._interval = stream_interval
        rng = random.Random(0)
        self._stock = {
            Stage.GENERATE: [self._text(rng, num_words) for _ in range(64)],
            Stage.EXTEND_HEAD: [self._text(rng, num_words) for _ in range(64)],
            Stage.EXTEND_TAIL: [self._text(rng, 2 * num_words) for _ in range(64)],
        }
        self.num_generated_tokens = 0

    @property
    def num_seqs(self) -> int:
        """Sequences of the engine it stands for."""
        return self._num_seqs

    @property
    def capacity(self) -> int:
        """As many, and a few more."""
        return int(1.2 * self._num_seqs)

    def load(self) -> EngineLoad:
        """Return the tokens it gave."""
        return EngineLoad(num_generated_tokens=self.num_generated_tokens)

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Stream a text of the stock, with a turn of the event loop for each piece."""
        await asyncio.sleep(0)
        if request.choices:
            return Completion(request.choices[0], FinishReason.STOP, 64, 0, 1)
        rng = random.Random(request.id)
        if request.kind is Stage.EXPAND:
            # Each its own: near-duplicates are refused.
            text = self._text(rng, _INSTRUCTION_WORDS)
        else:
            text = rng.choice(self._stock[Stage(request.kind)])
        watch = new_watch() if new_watch else None
        self.num_generated_tokens += text.num_tokens
        for piece in text.pieces[:-1]:
            await asyncio.sleep(0)
            # These texts are clean: an objection would be a fault of the benchmark.
            assert watch is None or watch(piece) is None
        joined = "".join(text.pieces)
        return Completion(joined, FinishReason.STOP, 64, 0, text.num_tokens)

    async def close(self) -> None:
        """Do nothing."""

    def _text(self, rng: random.Random, num_words: int) -> Text:
        num_words = rng.randrange(num_words * 3 // 4, num_words * 5 // 4)
        text = prose(rng, num_words)
        num_tokens = int(num_words * _TOKENS_PER_WORD)
        num_pieces = max(1, num_tokens // self._interval)
        step = -(-len(text) // num_pieces)
        pieces = tuple(text[start : start + step] for start in range(0, len(text), step))
        return Text(pieces, num_tokens)


def prose(rng: random.Random, num_words: int) -> str:
    """Lay the seed instructions' words out at random, in sentences and paragraphs."""
    words = rng.choices(_vocabulary(), k=num_words)
    sentences = [
        " ".join(words[start : start + _SENTENCE_WORDS]).capitalize() + "."
        for start in range(0, num_words, _SENTENCE_WORDS)
    ]
    return "\n\n".join(
        " ".join(sentences[start : start + _PARAGRAPH_SENTENCES])
        for start in range(0, len(sentences), _PARAGRAPH_SENTENCES)
    )


@cache
def _vocabulary() -> Sequence[str]:
    texts = " ".join(load_seeds("en").instructions)
    return sorted({word.strip(".,;:!?()\"'").lower() for word in texts.split()} - {""})
