"""`synth filter`: a profile over any JSONL, line by line, in order."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from filters.profile import Profile
from filters.rule import Circumstances
from filters.text.words import count_words
from selflengthen.contract.judgement import Judgement
from selflengthen.errors import UsageError
from selflengthen.files.json_lines import numbered_lines, parse_object
from selflengthen.files.regular_file import open_regular

BAD_LINE = Judgement(keep=False, reason="bad_line", num_words=0)


class BadLineError(UsageError):
    """A line that is not a JSON object with the field."""


def lines_of(file: Path) -> tuple[str, BinaryIO]:
    """Open a file, or standard input for `-`; return what to call it, too.

    Raises: UsageError: it cannot be read.
    """
    if str(file) == "-":
        return "standard input", sys.stdin.buffer
    try:
        return str(file), open_regular(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{file}: cannot read: {reason}; give a JSONL file, or - for a pipe"
        ) from None


def judge_lines(
    file: BinaryIO, name: str, profile: Profile, *, field: str, skip_bad: bool
) -> Iterator[Judgement]:
    """Yield one `keep, reason, num_words` per line, in order, as lines arrive.

    Empty lines at the end are no lines. A row's own `instruction`, where it is text, tells the
    language the text should be in.

    Raises: BadLineError: a bad line, unless `skip_bad`.
    """
    for number, line in _without_empty_end(numbered_lines(file)):
        try:
            row = _parse(line, field)
        except ValueError as error:
            if not skip_bad:
                raise BadLineError(
                    f"{name}:{number}: {error}; mend the line or use --skip-bad"
                ) from None
            yield BAD_LINE
        else:
            yield _judge(row[field], row.get("instruction"), profile)


def _without_empty_end(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Hold empty lines back until another line follows them."""
    empty: list[tuple[int, bytes]] = []
    for number, line in lines:
        if not line.strip():
            empty.append((number, line))
            continue
        yield from empty
        empty.clear()
        yield number, line


def _parse(line: bytes, field: str) -> dict[str, Any]:
    row = parse_object(line)
    if not isinstance(row.get(field), str):
        raise ValueError(f'no text field "{field}"')
    return row


def _judge(text: str, instruction: object, profile: Profile) -> Judgement:
    known = Circumstances(instruction=instruction if isinstance(instruction, str) else None)
    verdict = profile.judge(text, known)
    return Judgement(keep=verdict.keep, reason=verdict.reason, num_words=count_words(text))
