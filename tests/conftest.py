import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "helpers"))


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
