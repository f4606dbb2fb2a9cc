"""Texts that `synth check-plugin` tries a rule on."""

from collections.abc import Iterator
from pathlib import Path

from selflengthen.errors import UsageError
from selflengthen.files.json_lines import numbered_lines, parse_object
from selflengthen.files.regular_file import open_regular
from synth.method.seeds.seed_file import load_held_out, load_seeds

_FORMS = (
    "{}",
    "# A title\n\n{}\n\n- one\n- two\n- three\n\nThe end.",
    "{}\n\n```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "{}\n\n---\n\nLet me know if you would like changes!",
    "{0}\n\n{0}\n\n{0}",
)
_NUM_HELD_OUT = 16


def built_in_texts() -> Iterator[str]:
    """Yield prose of both languages in several forms."""
    for language in ("en", "zh"):
        held_out = load_held_out(language, _NUM_HELD_OUT)
        for text in (*load_seeds(language).instructions, *held_out.instructions):
            yield from (form.format(text) for form in _FORMS)


def texts_of(file: Path, field: str) -> Iterator[str]:
    """Yield the texts of a JSONL file.

    Raises: UsageError: a line is no object with that text, with its place.
    """
    try:
        lines = open_regular(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"--texts {file}: cannot read: {reason}; give a JSONL file") from None
    with lines:
        for number, line in numbered_lines(lines):
            try:
                text = parse_object(line).get(field)
            except ValueError as error:
                raise UsageError(f"--texts {file}:{number}: {error}") from None
            if not isinstance(text, str):
                raise UsageError(f'--texts {file}:{number}: no text field "{field}"; see --field')
            yield text
