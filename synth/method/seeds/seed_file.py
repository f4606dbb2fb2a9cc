"""Reading instructions from JSONL: one object with an `instruction` in each line."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selflengthen.errors import ConfigError
from selflengthen.files.json_lines import read_items

BUILT_IN = Path(__file__).parent
MIN_SEEDS = 2
"""Every prompt shows this many examples."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """Instructions in file order, and the digest of the file."""

    instructions: tuple[str, ...]
    digest: str


def load_seeds(name: str) -> Seeds:
    """Load the seed instructions `en`, `zh` or of a JSONL file.

    Raises: ConfigError: the file, the line and what is wrong with it.
    """
    path = _resolve(name, BUILT_IN)
    seeds = _read(path, f"seeds: cannot read {name!r}")
    if len(seeds.instructions) < MIN_SEEDS:
        raise ConfigError(
            f"{path}: {len(seeds.instructions)} seed instructions; at least {MIN_SEEDS} are needed"
        )
    return seeds


def load_held_out(name: str, num_instructions: int) -> Seeds:
    """Load the first held-out instructions of `en`, `zh` or a JSONL file.

    Raises: ConfigError: the file, the line and what is wrong with it, or it has too few.
    """
    if num_instructions == 0:
        return Seeds((), hashlib.sha256().hexdigest())
    path = _resolve(name, BUILT_IN / "held_out")
    held_out = _read(path, f"held_out.instructions: cannot read {name!r}")
    num_found = len(held_out.instructions)
    if num_found < num_instructions:
        raise ConfigError(
            f"held_out.num_instructions: {num_instructions}, but {path} has {num_found}; "
            f"set at most {num_found}"
        )
    return Seeds(held_out.instructions[:num_instructions], held_out.digest)


def _resolve(name: str, built_in: Path) -> Path:
    path = built_in / f"{name}.jsonl"
    return path if "/" not in name and path.is_file() else Path(name)


def _read(path: Path, complaint: str) -> Seeds:
    return Seeds(*read_items(path, _instruction, complaint, "use en, zh or a JSONL file"))


def _instruction(row: dict[str, Any]) -> str:
    instruction = row.get("instruction")
    if not isinstance(instruction, str) or not instruction.strip():
        raise ValueError('no "instruction" text; write {"instruction": "..."} in each line')
    return instruction.strip()
