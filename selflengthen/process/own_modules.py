"""Processes of ours import our modules, whatever lies in the working directory.

Python puts the working directory first where a process is started with `-m` or `-c`, and a person's
`train.py` there has the name of one of our packages.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds our packages."""


def child_environment() -> dict[str, str]:
    """Return the environment for a process of ours; what that one starts inherits it."""
    given = os.environ.get("PYTHONPATH")
    paths = [str(ROOT), *([given] if given else [])]
    return os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}
