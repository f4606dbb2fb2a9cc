"""Training rows of given lengths, from the seed instructions' own words."""

import random
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import orjson

from synth.method.seeds.seed_file import load_seeds
from train.config import ModelConfig
from train.data.example import encode_row
from train.data.row import parse_row
from train.data.tokenizer import TrainTokenizer, load_tokenizer


def write_rows(path: Path, model: ModelConfig, num_tokens_N: Sequence[int]) -> list[int]:
    """Write one row per length, each at most that long; return the true lengths, in tokens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(model)
    rows = [_row(number, length, tokenizer) for number, length in enumerate(num_tokens_N)]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row, _ in rows))
    return [num_tokens for _, num_tokens in rows]


def _row(number: int, length: int, tokenizer: TrainTokenizer) -> tuple[dict[str, Any], int]:
    instructions = list(load_seeds("en").instructions)
    random.Random(number).shuffle(instructions)
    words = list(chain.from_iterable(repeat(" ".join(instructions).split(), length // 500 + 1)))
    num_words = length
    while True:
        row = {
            "id": f"row-{number}",
            "prompt": [{"role": "user", "content": instructions[0]}],
            "completion": [{"role": "assistant", "content": " ".join(words[:num_words])}],
        }
        parsed = parse_row(orjson.dumps(row), f"row {number}")
        encoded = encode_row(parsed, tokenizer.encoder, tokenizer.end_of_turn_ids)
        if encoded.num_tokens <= length:
            return row, encoded.num_tokens
        num_words -= max(1, (encoded.num_tokens - length) // 2)
