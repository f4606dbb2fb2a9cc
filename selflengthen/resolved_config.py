"""The resolved configuration of a command: every value, its inputs' digests, package versions."""

import hashlib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import orjson

from selflengthen.settings import Settings


def resolve(
    config: Settings,
    inputs: Mapping[str, Any],
    packages: Iterable[str],
    *,
    free: Mapping[str, Any] | None = None,
    undecided: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Collect what decides the results, with a digest over it, and the versions in use.

    Args:
        free: What the results do not depend on, as pydantic's `exclude` takes it; it is kept
            apart, as `execution`, and may be another at the next start.
        undecided: Like `free`, with the keys beside them that are left out because they are unset:
            an earlier version did not have them.
    """
    settings = config.model_dump(mode="json", exclude=undecided or free)
    decisive = {"config": settings, "inputs": dict(inputs)}
    canonical = orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)
    return {
        **decisive,
        "digest": hashlib.sha256(canonical).hexdigest(),
        "execution": config.model_dump(mode="json", include=free) if free else {},
        "versions": versions(packages),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
