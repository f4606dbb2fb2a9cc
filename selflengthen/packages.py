"""Packages that only some commands need: missing ones are named with what installs them."""

from collections.abc import Iterable
from importlib.util import find_spec

from selflengthen.errors import ConfigError

_TRAIN = "pip install '.[train]'"
# Packages of extras, and those that come along with one of them.
_INSTALLED_BY = {
    "vllm": "pip install '.[gpu]' or '.[cpu]'",
    "httpx": "pip install '.[server]'",
    "ray": "pip install '.[ray]'",
    **dict.fromkeys(("torch", "transformers", "tokenizers", "trl", "peft"), _TRAIN),
    **dict.fromkeys(("accelerate", "datasets", "matplotlib"), _TRAIN),
    **dict.fromkeys(("numpy", "safetensors"), "pip install ."),
}


def is_installed(package: str) -> bool:
    """Tell whether a package can be found; it is not imported."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def require(purpose: str, packages: Iterable[str], remedy: str | None = None) -> None:
    """Check that what a purpose needs is installed.

    Raises: ConfigError: a package is missing; names it and what installs it.
    """
    for package in packages:
        if not is_installed(package):
            raise ConfigError(
                f"{purpose}: {package} is not installed; {remedy or _INSTALLED_BY[package]}"
            )


def remedy_for(error: ModuleNotFoundError) -> str | None:
    """Return what to do about a package that turned out to be missing; None if it is not ours."""
    package = (error.name or "").partition(".")[0]
    if package not in _INSTALLED_BY:
        return None
    return f"{package} is not installed; {_INSTALLED_BY[package]}"
