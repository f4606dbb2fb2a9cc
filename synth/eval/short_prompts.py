"""Short prompts of ordinary use."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from filters.text.language import language_code
from selflengthen.errors import ConfigError
from selflengthen.files.json_lines import numbered_lines, parse_object
from selflengthen.files.regular_file import open_regular
from synth.eval_config import GuardConfig

BUILT_IN = Path(__file__).parent / "suites" / "guard.jsonl"


@dataclass(frozen=True, slots=True)
class ShortPrompt:
    """A prompt that wants a short answer."""

    text: str
    kind: str
    """Of task, e.g. `arithmetic`."""
    language: str


@dataclass(frozen=True, slots=True)
class ShortPrompts:
    """The prompts that are answered, and the digest of the file that they are from."""

    name: str
    prompts: tuple[ShortPrompt, ...]
    digest: str


def load_prompts(config: GuardConfig) -> ShortPrompts:
    """Load the prompts that the configuration asks for.

    Raises: ConfigError: the file, the line and what is wrong with it, or it has too few.
    """
    path = BUILT_IN if config.prompts == "builtin" else Path(config.prompts)
    try:
        with open_regular(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            lines = numbered_lines(file)
            prompts = [_parse(path, number, line) for number, line in lines if line.strip()]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"guard.prompts: cannot read {config.prompts!r}: {reason}; use builtin or a JSONL file"
        ) from None
    if not 0 < (config.num_prompts or len(prompts)) <= len(prompts):
        raise ConfigError(
            f"guard.num_prompts: {config.num_prompts}, but {path} has {len(prompts)}; set at most "
            "that"
        )
    return ShortPrompts(config.prompts, tuple(prompts[: config.num_prompts]), digest)


def _parse(path: Path, number: int, line: bytes) -> ShortPrompt:
    try:
        row = parse_object(line)
    except ValueError as error:
        raise ConfigError(f"{path}:{number}: {error}") from None
    text = row.get("prompt")
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f'{path}:{number}: no "prompt"; write {{"prompt": "..."}} in each line')
    language = row.get("language") or language_code(text)
    return ShortPrompt(text.strip(), str(row.get("kind") or "other"), str(language))
