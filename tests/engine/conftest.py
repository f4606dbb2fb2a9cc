import fcntl

import pytest

from environment import kept_environment
from trained_adapters import ANSWERS, train_adapters


@pytest.fixture(scope="session")
def trained_adapters(tmp_path_factory, request):
    """One adapter of the embedded model for each role, as its folder; once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent
    folder = folder / "adapters"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folders = {role: folder / role for role in ANSWERS}
        if not all(path.exists() for path in folders.values()):
            with kept_environment():
                train_adapters(folder)
    return folders
