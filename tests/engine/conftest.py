import pytest

from trained_adapters import train_adapters


@pytest.fixture(scope="session")
def trained_adapters(tmp_path_factory):
    """One adapter of the embedded model for each role, as its folder."""
    return train_adapters(tmp_path_factory.mktemp("adapters"))
