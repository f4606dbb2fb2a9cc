"""The trainer's command line before anything heavy is done."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from foundation.config_file import load_config
from foundation.errors import ConfigError
from train.__main__ import cli
from train.config import TrainConfig
from train.training import train_adapter


def test_a_training_needs_trl(tmp_path, monkeypatch):
    monkeypatch.setattr("train.training.find_spec", lambda _: None)
    config = load_config(TrainConfig, Path("configs/train/cpu.yaml"))
    with pytest.raises(ConfigError, match=r"trl is not installed; pip install '\.\[train\]'"):
        train_adapter(config, ["rows.jsonl"], tmp_path / "out", None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["cpu", "generator", "extender", "reference"])
def test_the_printed_configuration_is_the_configuration(tmp_path, name):
    file = f"configs/train/{name}.yaml"
    printed = CliRunner().invoke(cli, ["config", "--config", file, "-o", "seed=3"]).stdout
    (tmp_path / "full.yaml").write_text(printed)
    whole = load_config(TrainConfig, tmp_path / "full.yaml")
    assert whole == load_config(TrainConfig, Path(file), ["seed=3"])
    assert "use_rslora" in printed
