"""The day that a chat template is told when it asks for today's date: the same all along."""

from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import orjson

KEY = "template_date"
"""Its key in the inputs of `config.json`, and in an adapter's provenance."""


def date_of_directory(config: Path) -> date | None:
    """Read the day from a `config.json`; None if there is none in it."""
    return _read_date(config, "inputs")


def date_of_adapter(provenance: Path) -> date | None:
    """Read the day that an adapter was trained with; None if its provenance has none."""
    return _read_date(provenance)


def as_input(day: date | None) -> dict[str, str]:
    """Return what `config.json` and provenance keep of it."""
    return {} if day is None else {KEY: day.isoformat()}


def _read_date(path: Path, *sections: str) -> date | None:
    """Look a day up in a file that need not be there, or ours."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        tree: Any = orjson.loads(path.read_bytes())
        for section in sections:
            tree = tree[section]
        return date.fromisoformat(tree[KEY])
    return None
