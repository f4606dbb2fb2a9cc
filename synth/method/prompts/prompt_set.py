"""A prompt set: the templates of one language, rendered in a sandbox.

A set may hold only what differs from another one, which its `base.yaml` names.

Values are put into templates as they are and never rendered again, so template syntax in a text
stays text.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment
from pydantic import Field

from filters.text.words import count_words, script_units
from selflengthen.config_file import load_config
from selflengthen.errors import ConfigError
from selflengthen.files.regular_file import read_text
from selflengthen.settings import Settings

BUILT_IN = Path(__file__).parent
_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined)


@dataclass(frozen=True, slots=True)
class Placeholders:
    """What a template must use, and what it can use."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


_OF_EXTENSION = Placeholders(
    frozenset({"instruction", "text"}), frozenset({"num_words", "target_words", "plan"})
)
_PLACEHOLDERS = {
    "instruct": Placeholders(),
    "judge": Placeholders(frozenset({"instruction"})),
    "extend_head": _OF_EXTENSION,
    "extend_tail": _OF_EXTENSION,
}
_PLACEHOLDERS_OF_OPTIONAL = {
    "rate": Placeholders(frozenset({"instruction", "text"})),
    "demand": Placeholders(frozenset({"instruction", "demand"})),
    "plan": Placeholders(
        frozenset({"instruction", "text"}), frozenset({"num_words", "target_words"})
    ),
}
_OF_LAST_STEP = ("demand",)
_FOR_BOTH_STAGES = "extend"
"""A template for both stages of an extension, where a set has none for each."""
# Shorter lines occur in ordinary text.
_MIN_FIXED_LINE_UNITS = 6
_MIN_ROUNDED_TO_FIFTIES = 500


class BaseSet(Settings):
    """Where the files come from that a prompt set lacks (`base.yaml`)."""

    base: str = Field(min_length=1)
    """Name of a built-in set, or a folder."""


class Wording(Settings):
    """The words of a prompt set that are matched as well as written (`wording.yaml`)."""

    label: str = Field(min_length=1)
    """What numbers the instructions in the pre-filled list, e.g. `Instruction`."""
    answer_yes: str = Field(min_length=1)
    """The judge's answer for an instruction that is kept."""
    answer_no: str = Field(min_length=1)
    """The judge's answer for one that is dropped."""

    @property
    def answers(self) -> tuple[str, str]:
        """What the judge chooses between."""
        return self.answer_yes, self.answer_no


@dataclass(frozen=True, slots=True)
class ExtensionTask:
    """What is to become longer, and how long."""

    instruction: str
    text: str
    target_growth: float
    """The multiple of the text's words that is asked for."""

    def values(self) -> dict[str, str | int]:
        """Return what templates can use of it."""
        num_words = count_words(self.text)
        return {
            "instruction": self.instruction,
            "text": self.text,
            "num_words": num_words,
            "target_words": _rounded(num_words * self.target_growth),
        }


@dataclass(frozen=True)
class PromptSet:
    """Templates and wording of one language."""

    name: str
    digest: str
    """SHA-256 over the files of the set that a run uses."""
    wording: Wording
    fixed_lines: tuple[str, ...]
    """Constant lines of the templates; a response that repeats one leaks its prompt."""
    _templates: dict[str, Template]

    def instruct(self) -> str:
        """Render the user turn that asks for new instructions."""
        return self._templates["instruct"].render()

    def prefill(self, examples: Sequence[str]) -> str:
        """Begin the assistant's turn: the examples as a numbered list, and the next number."""
        numbered = [
            f"{self.wording.label} {number}: {' '.join(example.split())}\n"
            for number, example in enumerate(examples, start=1)
        ]
        return f"{''.join(numbered)}{self.wording.label} {len(examples) + 1}:"

    def judge(self, instruction: str) -> str:
        """Render the user turn that asks whether an instruction calls for a long text."""
        return self._templates["judge"].render(instruction=instruction)

    def rate(self, instruction: str, text: str) -> str:
        """Render the user turn that asks whether a text is a good answer.

        Raises: KeyError: the set has no template for it, see `has`.
        """
        return self._templates["rate"].render(instruction=instruction, text=text)

    def demand(self, instruction: str, demand: str) -> str:
        """Render the user turn that asks for an instruction with a length demand.

        Raises: KeyError: the set has no template for it, see `has`.
        """
        return self._templates["demand"].render(instruction=instruction, demand=demand)

    def has(self, kind: str) -> bool:
        """Tell whether there is a template that a set may lack: `rate`, `plan` or `demand`."""
        return kind in self._templates

    def plan(self, task: "ExtensionTask") -> str:
        """Render the user turn that asks for the parts of a longer form of a text.

        Raises: KeyError: the set has no template for it, see `has`.
        """
        return self._templates["plan"].render(task.values(), plan="")

    def extend_head(self, task: "ExtensionTask", plan: str = "") -> str:
        """Render the user turn of stage 1: a longer form of a text's beginning, without an end."""
        return self._templates["extend_head"].render(task.values(), plan=plan)

    def extend_tail(self, task: "ExtensionTask", plan: str = "") -> str:
        """Render the user turn of stage 2: a longer form of a whole text."""
        return self._templates["extend_tail"].render(task.values(), plan=plan)

    def parse_instruction(self, continuation: str) -> str:
        """Take the one instruction out of the model's continuation of the numbered list."""
        label = re.escape(self.wording.label)
        first, *_ = re.split(rf"\n\s*(?:{label}\s*\d+|\d+[.:)])", continuation, maxsplit=1)
        paragraph, *_ = re.split(r"\n\s*\n", first.strip(), maxsplit=1)
        return _unwrap(paragraph.strip())


def _rounded(num_words: float) -> int:
    """Round as people do who ask for a length: to tens below 500 words, else to fifties."""
    step = 10 if num_words < _MIN_ROUNDED_TO_FIFTIES else 50
    return max(step, step * round(num_words / step))


def _unwrap(text: str) -> str:
    """Take off quotes or emphasis around the whole text."""
    for opening, closing in (("**", "**"), ('"', '"'), ("“", "”")):
        inner = text.removeprefix(opening).removesuffix(closing)
        is_wrapped = len(inner) == len(text) - len(opening) - len(closing)
        if is_wrapped and opening not in inner and closing not in inner:
            return inner.strip()
    return text


def load_prompt_set(name: str) -> PromptSet:
    """Load a built-in set by name, or a folder with `*.j2` templates and `wording.yaml`.

    Raises: ConfigError: the set is unknown, incomplete, or a template lacks a placeholder.
    """
    folders = _folders(name)
    optional = {
        kind: placeholders
        for kind, placeholders in _PLACEHOLDERS_OF_OPTIONAL.items()
        if _path(folders, kind).exists()
    }
    placeholders = _PLACEHOLDERS | optional
    paths = {kind: _path(folders, kind) for kind in placeholders}
    sources = {kind: _read(path) for kind, path in paths.items()}
    wording = _first(folders, "wording.yaml")
    wording_source = _read(wording)
    fixed_lines: dict[str, None] = {}
    for kind, source in sources.items():
        lines = _check_template(paths[kind], source, placeholders[kind])
        fixed_lines.update(dict.fromkeys(lines if kind not in _OF_LAST_STEP else ()))
        _check_rendering(paths[kind], source, placeholders[kind])
    of_runs = [source for kind, source in sources.items() if kind not in _OF_LAST_STEP]
    return PromptSet(
        name=name,
        digest=hashlib.sha256("\0".join([*of_runs, wording_source]).encode()).hexdigest(),
        wording=_load_wording(wording),
        fixed_lines=tuple(fixed_lines),
        _templates={kind: _ENVIRONMENT.from_string(source) for kind, source in sources.items()},
    )


def _folders(name: str) -> list[Path]:
    """Return a set's folder, and that of its base if it has one."""
    own = _folder(name)
    if not (own / "base.yaml").is_file():
        return [own]
    return [own, _folder(load_config(BaseSet, own / "base.yaml").base)]


def _folder(name: str) -> Path:
    built_in = {path.parent.name: path.parent for path in BUILT_IN.glob("*/*.yaml")}
    folder = built_in.get(name, Path(name))
    if not folder.is_dir():
        known = ", ".join(sorted(built_in))
        raise ConfigError(
            f"prompts: {name!r} is no prompt set; use {known}, or a folder of templates"
        )
    return folder


def _path(folders: Sequence[Path], kind: str) -> Path:
    """Return a template's file; one for both stages of an extension is enough."""
    if not kind.startswith(_FOR_BOTH_STAGES):
        return _first(folders, f"{kind}.j2")
    return _first(folders, f"{_FOR_BOTH_STAGES}.j2", f"{kind}.j2")


def _first(folders: Sequence[Path], *names: str) -> Path:
    """Return the first file that exists; if none does, where the last one is expected."""
    paths = [folder / name for folder in folders for name in names]
    return next((path for path in paths if path.exists()), folders[-1] / names[-1])


def _read(path: Path) -> str:
    try:
        return read_text(path).rstrip("\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read: {error.strerror}; a prompt set needs it") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _load_wording(path: Path) -> Wording:
    try:
        return load_config(Wording, path)
    except ConfigError as error:
        raise ConfigError(f"{error}; it needs label, answer_yes and answer_no as text") from None


def _check_template(path: Path, source: str, placeholders: Placeholders) -> list[str]:
    """Check the placeholders and return the template's constant lines."""
    try:
        tree = _ENVIRONMENT.parse(source)
        used = meta.find_undeclared_variables(tree)
    except TemplateSyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno}: not a template: {error.message}") from None
    for missing in sorted(placeholders.required - used):
        raise ConfigError(f"{path}: the placeholder {{{{ {missing} }}}} is missing; put it in")
    usable = placeholders.required | placeholders.optional
    for unknown in sorted(used - usable):
        known = ", ".join(sorted(usable)) or "none"
        raise ConfigError(f"{path}: unknown placeholder {{{{ {unknown} }}}}; it can use: {known}")
    lines = "\n".join(data.data for data in tree.find_all(nodes.TemplateData)).splitlines()
    return [line.strip() for line in lines if len(script_units(line)) >= _MIN_FIXED_LINE_UNITS]


def _check_rendering(path: Path, source: str, placeholders: Placeholders) -> None:
    """Render once, so that a mistake shows before the run."""
    try:
        names = placeholders.required | placeholders.optional
        _ENVIRONMENT.from_string(source).render(dict.fromkeys(names, "text"))
    except (TemplateError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be rendered: {error}; mend the template") from None
