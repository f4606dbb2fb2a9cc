"""The trainer's command line before anything heavy is done."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from selflengthen.config_file import load_config
from train.__main__ import cli
from train.config import TrainConfig


@pytest.mark.parametrize("name", ["cpu", "generator", "extender", "reference"])
def test_the_printed_configuration_is_the_configuration(tmp_path, name):
    file = f"configs/train/{name}.yaml"
    printed = CliRunner().invoke(cli, ["config", "--config", file, "-o", "seed=3"]).stdout
    (tmp_path / "full.yaml").write_text(printed)
    whole = load_config(TrainConfig, tmp_path / "full.yaml")
    assert whole == load_config(TrainConfig, Path(file), ["seed=3"])
    assert "use_rslora" in printed
