"""Print the requirements of the project and of the extras that are named, one a line.

What the base image brings of torch and vLLM is pinned, for it was built for its GPUs. An image
installs all of them in a layer of its own, which a change of the source leaves as it is.
"""

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PINNED = ("torch", "vllm")


def requirements(pyproject: Path, extras: list[str]) -> list[str]:
    """Return the requirements of the project and of its extras.

    Raises: SystemExit: there is no such extra.
    """
    project = tomllib.loads(pyproject.read_text())["project"]
    known = project["optional-dependencies"]
    if unknown := [extra for extra in extras if extra not in known]:
        sys.exit(f"extra {unknown[0]}: unknown; use some of {', '.join(known)}")
    return [*project["dependencies"], *(line for extra in extras for line in known[extra])]


def installed(names: tuple[str, ...]) -> list[str]:
    """Return a pin for each of these packages that is there."""
    pins = []
    for name in names:
        try:
            pins.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return pins


if __name__ == "__main__":
    print("\n".join(requirements(Path("pyproject.toml"), sys.argv[1:]) + installed(PINNED)))
