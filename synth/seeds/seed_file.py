"""Reading seed instructions from JSONL: one object with an `instruction` in each line."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import orjson

from foundation.errors import ConfigError

BUILT_IN = Path(__file__).parent
MIN_SEEDS = 2
"""Every prompt shows this many examples."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seed instructions in file order, and the digest of the file."""

    instructions: tuple[str, ...]
    digest: str


def load_seeds(name: str) -> Seeds:
    """Load `en`, `zh` or a JSONL file.

    Raises: ConfigError: the file, the line and what is wrong with it.
    """
    built_in = BUILT_IN / f"{name}.jsonl"
    path = built_in if built_in.is_file() and "/" not in name else Path(name)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"seeds: cannot read {name!r}: {reason}; use en, zh or a JSONL file"
        ) from None
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    instructions = tuple(_parse(path, number, line) for number, line in lines)
    if len(instructions) < MIN_SEEDS:
        raise ConfigError(
            f"{path}: {len(instructions)} seed instructions; at least {MIN_SEEDS} are needed"
        )
    return Seeds(instructions, hashlib.sha256(content).hexdigest())


def _parse(path: Path, number: int, line: bytes) -> str:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{path}:{number}: not JSON: {error}; write one object a line") from None
    instruction = row.get("instruction") if isinstance(row, dict) else None
    if not isinstance(instruction, str) or not instruction.strip():
        raise ConfigError(
            f'{path}:{number}: no "instruction" text; write {{"instruction": "..."}} in each line'
        )
    return instruction.strip()
