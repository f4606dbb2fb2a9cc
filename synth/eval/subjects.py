"""Whose answers are measured: the base model, an adapter, what a loop trained."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selflengthen.adapter.named import Adapter
from selflengthen.adapter.served import load_adapter
from selflengthen.errors import UsageError
from synth.method.stages import ModelRole
from synth.run.directory import RunDirectory

BASE = "base"
FINAL = "final"
_ITERATION = re.compile(r"iteration-([1-9]\d*)")
_OWN = re.compile(r"([\w.@-]+)=(.+)")


@dataclass(frozen=True, slots=True)
class Subject:
    """One that answers a suite."""

    name: str
    adapter: Adapter | None
    """None: the base model."""

    @property
    def digest(self) -> str | None:
        """SHA-256 of the adapter's weights."""
        return self.adapter.digest if self.adapter else None


def find_subjects(names: Sequence[str], run: RunDirectory | None, base: str) -> list[Subject]:
    """Find what names stand for: `base`, `iteration-N`, `final`, or `NAME=FOLDER` of an adapter.

    Args:
        run: Where iterations and the final model are looked for.
        base: Hub id or folder of the base model.

    Raises: UsageError: a name is unknown or given twice, or a loop's directory is needed.
    Raises: AdapterError: there is no such adapter, or it cannot be served.
    """
    found = [_find(name, run, base) for name in names]
    repeated = [subject.name for subject in found]
    if twice := {name for name in repeated if repeated.count(name) > 1}:
        raise UsageError(f"--subject {min(twice)}: given twice; name each once")
    return found


def _find(name: str, run: RunDirectory | None, base: str) -> Subject:
    if name == BASE:
        return Subject(BASE, None)
    if own := _OWN.fullmatch(name):
        if own[1] in (BASE, FINAL) or _ITERATION.fullmatch(own[1]):
            raise UsageError(f"--subject {name}: {own[1]} has a meaning already; use another name")
        return _adapter(own[1], Path(own[2]), base)
    iteration = _ITERATION.fullmatch(name)
    if iteration is None and name != FINAL:
        raise UsageError(
            f"--subject {name}: unknown; use base, iteration-N, final or NAME=FOLDER (an adapter's)"
        )
    if run is None:
        raise UsageError(f"--subject {name}: whose? Give the loop's directory with --run")
    if iteration is None:
        return _adapter(name, run.final.adapter(FINAL), base)
    files = run.iteration(int(iteration[1]))
    return _adapter(name, files.adapter(ModelRole.GENERATOR.value), base)


def _adapter(name: str, folder: Path, base: str) -> Subject:
    if not folder.is_dir():
        raise UsageError(f"--subject {name}: no adapter in {folder}; train it first")
    # vLLM keeps adapters by name.
    return Subject(name, load_adapter(f"eval-{name}", folder, base))
