"""How many GPUs one training sees."""

import os

import pytest

from train.training import _see_one_gpu


@pytest.mark.parametrize(
    ("visible", "seen"), [(None, "0"), ("2,3", "2"), ("1", "1"), ("", ""), ("GPU-a,GPU-b", "GPU-a")]
)
def test_one_process_sees_one_gpu(visible, seen, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible_after() == seen


def test_a_launcher_s_process_sees_what_it_was_given(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert visible_after() == "0,1"


def visible_after():
    _see_one_gpu()
    return os.environ["CUDA_VISIBLE_DEVICES"]
