"""Reading a configuration: file, then `-o` overrides; every mistake is one line with its place."""

import difflib
import re
import reprlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from selflengthen.errors import ConfigError
from selflengthen.files.regular_file import read_text
from selflengthen.settings import Settings

# The full text of a value with YAML aliases can be exponentially long.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 200
Tree = dict[str, Any]
Config = TypeVar("Config", bound=Settings)


# The numbers of YAML 1.2's core schema that YAML 1.1 reads as text: 1e-4, 2E5, 1.5e3, .5e1. The
# whole scalar is one: 1e9f3a7 is a revision.
_FLOAT = re.compile(r"[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+\Z")
_SCALAR_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))
# What a value begins with that is more than a word or a number.
_YAML_MARKS = tuple("[{\"'&*!|>")


class _ConfigLoader(yaml.SafeLoader):
    """YAML as PyYAML reads it, but 1e-4 is a number and a key given twice is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                line = node.value[index][0].start_mark.line + 1
                raise ConfigError(f"line {line}: key {key!r} is given twice; keep one")
        return super().construct_mapping(node, deep)

    def resolve_plain(self, text: str) -> object:
        """Return null, a truth value or a number where a scalar is one, else the text itself."""
        tag = self.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        return self.construct_object(yaml.ScalarNode(tag, text)) if tag in _SCALAR_TAGS else text


_ConfigLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def load_config(model: type[Config], path: Path, overrides: Iterable[str] = ()) -> Config:
    """Read, override and validate a configuration.

    Raises: ConfigError: what is wrong, where, and what to do.
    """
    tree = _read_tree(path)
    overridden = _apply_overrides(tree, overrides)
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, model, path, overridden)) from None


def _read_tree(path: Path) -> Tree:
    try:
        tree = yaml.load(read_text(path), _ConfigLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not YAML: {_one_line(error)}") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: a configuration is a mapping of keys, see configs/cpu.yaml")
    return tree


def _apply_overrides(tree: Tree, overrides: Iterable[str]) -> list[str]:
    keys = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"-o {override}: write KEY=VALUE, e.g. -o generate.attempts=5")
        _set(tree, key.strip(), _parse_value(override, value))
        keys.append(key.strip())
    return keys


def _parse_value(override: str, value: str) -> object:
    try:
        if value.strip().startswith(_YAML_MARKS):
            return yaml.load(value, _ConfigLoader)
        # A plain value is taken as it stands: ` #` begins no comment, `: ` no mapping.
        return _ConfigLoader("").resolve_plain(value.strip())
    except (yaml.YAMLError, ValueError, RecursionError, ConfigError) as error:
        raise ConfigError(f"-o {override}: the value is not YAML: {_one_line(error)}") from None


def _set(tree: Tree, key: str, value: object) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        child = tree.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"-o {key}: {parent!r} is already set to {child!r}; drop one of both")
        tree = child
    tree[last] = value


def _explain(
    error: ValidationError, model: type[Settings], path: Path, overridden: Collection[str]
) -> str:
    """Say the first mistake in full and count the others."""
    details = error.errors(include_url=False)
    # A misspelt key also leaves its right form missing: name the misspelling.
    first = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    keys, owner = _locate(model, first["loc"])
    if first["type"] == "union_tag_invalid":
        keys.append(first["ctx"]["discriminator"].strip("'"))
    place = _override_of(keys, overridden) or f"{path}: {'.'.join(keys)}"
    others = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{place}: {_explain_one(first, owner)}{others}"


def _override_of(keys: Sequence[str], overridden: Collection[str]) -> str | None:
    """Return the override that set a key, and where in its value if that is a whole section."""
    for depth in range(len(keys), 0, -1):
        section, rest = ".".join(keys[:depth]), ".".join(keys[depth:])
        if section in overridden:
            return f"-o {section}: {rest}" if rest else f"-o {section}"
    return None


def _locate(
    owner: type[BaseModel], location: tuple[str | int, ...]
) -> tuple[list[str], type[BaseModel]]:
    """Return a location's keys, without the tags of unions, and the model of its last key."""
    keys: list[str] = []
    parts = [str(part) for part in location]
    while parts:
        keys.append(parts.pop(0))
        members = _models_of(owner, keys[-1])
        if not parts or not members:
            return keys + parts, owner
        owner = members[0] if len(members) == 1 else _tagged(members, parts.pop(0))
    return keys, owner


def _models_of(owner: type[BaseModel], key: str) -> list[type[BaseModel]]:
    field = owner.model_fields.get(key)
    annotation = field.annotation if field else None
    candidates = get_args(annotation) or (annotation,)
    return [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _tagged(members: list[type[BaseModel]], tag: str) -> type[BaseModel]:
    """Return the member of a union that a field's only value names."""
    return next(
        member
        for member in members
        if any(field.default == tag for field in member.model_fields.values())
    )


def _explain_one(detail: ErrorDetails, owner: type[BaseModel]) -> str:
    given = detail["input"]
    if detail["type"] == "missing":
        return "missing; this key must be set"
    if detail["type"] == "extra_forbidden":
        return f"unknown key{_nearest(str(detail['loc'][-1]), list(owner.model_fields))}"
    if detail["type"] == "union_tag_invalid":
        return f"no {detail['ctx']['tag']!r} here; use one of {detail['ctx']['expected_tags']}"
    message = detail["msg"].removeprefix("Value error, ")
    is_unquoted = detail["type"] == "string_type" and isinstance(given, int | float | date)
    remedy = "; put it in quotes" if is_unquoted else ""
    return f"{message[0].lower()}{message[1:]}, got {_SHORT.repr(given)}{remedy}"[:300]


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(known)}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
