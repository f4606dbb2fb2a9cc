import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "helpers"))


def pytest_addoption(parser):
    parser.addoption("--all-faults", action="store_true", help="every fault, not a sample")


@pytest.fixture(scope="session")
def only_with_all_faults(all_faults):
    """Skip what takes too long for a sample."""
    if not all_faults:
        pytest.skip("only with --all-faults")


@pytest.fixture(scope="session")
def all_faults(request):
    """Whether to try every fault rather than a sample of them."""
    return request.config.getoption("--all-faults")
