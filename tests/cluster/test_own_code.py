"""Code of one's own in replicas on Ray: engine, rules, scorer, writer."""

import pytest

from own_code import BASE, run_own_code, write_own_code


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    return tmp_path


def test_two_replicas_find_it_and_write_the_same_shards(folder):
    shards = {}
    for name, replicas in (("one", 1), ("two", 2)):
        own = write_own_code(folder / name)
        code, _, stderr = run_own_code(own, engine=BASE["engine"] | {"replicas": replicas})
        assert code == 0, stderr
        written = own / "out" / "iteration-1" / "shards"
        shards[name] = {path.name: path.read_bytes() for path in written.iterdir()}
    assert shards["one"] == shards["two"]
    assert "generator.txt" in shards["two"]
