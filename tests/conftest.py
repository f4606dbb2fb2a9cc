import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "helpers"))
if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported: where tests run side by side, a core is enough for each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from environment import kept_environment


def pytest_addoption(parser):
    parser.addoption("--all-faults", action="store_true", help="every fault, not a sample")


def pytest_runtest_setup(item):
    """Skip what takes too long for a sample."""
    if item.get_closest_marker("exhaustive") and not item.config.getoption("--all-faults"):
        pytest.skip("only with --all-faults")


@pytest.fixture(scope="session")
def all_faults(request):
    """Whether to try every fault rather than a sample of them."""
    return request.config.getoption("--all-faults")


@pytest.fixture(autouse=True, scope="module")
def environment_of_a_module():
    """Let no fixture of a module leave variables to other modules."""
    with kept_environment():
        yield


@pytest.fixture(autouse=True)
def environment_of_a_test():
    """Let no test leave variables to those after it, and to the processes that they start."""
    with kept_environment():
        yield
