"""Short prompts of ordinary use."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filters.text.language import language_code
from selflengthen.errors import ConfigError
from selflengthen.files.json_lines import read_items
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
    complaint = f"guard.prompts: cannot read {config.prompts!r}"
    prompts, digest = read_items(path, _prompt, complaint, "use builtin or a JSONL file")
    if not 0 < (config.num_prompts or len(prompts)) <= len(prompts):
        raise ConfigError(
            f"guard.num_prompts: {config.num_prompts}, but {path} has {len(prompts)}; set at most "
            "that"
        )
    return ShortPrompts(config.prompts, prompts[: config.num_prompts], digest)


def _prompt(row: dict[str, Any]) -> ShortPrompt:
    text = row.get("prompt")
    if not isinstance(text, str) or not text.strip():
        raise ValueError('no "prompt"; write {"prompt": "..."} in each line')
    language = row.get("language") or language_code(text)
    return ShortPrompt(text.strip(), str(row.get("kind") or "other"), str(language))
