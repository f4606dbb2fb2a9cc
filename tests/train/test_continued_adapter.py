"""What `train sft --adapter` goes on from: nothing that is broken or not the configured adapter."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from selflengthen.errors import AdapterError, ConfigError, DirectoryError
from tiny_model import add_adapter, build_tiny_model
from train.adapter.continued import read_continued
from train.config import TrainConfig
from train.training import train_adapter

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def adapter(model, tmp_path):
    return add_adapter(model, tmp_path / "adapter")


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {
        "prompt": [{"role": "user", "content": "Write about a river."}],
        "completion": [{"role": "assistant", "content": "The river runs on."}],
    }
    path.write_text(json.dumps(row) + "\n")
    return path


def config_of(base, **sections):
    settings = {
        "model": {"name": str(base), "dtype": "float32"},
        "lora": {"rank": 4, "alpha": 8},
        "optimization": {"epochs": 1},
        "memory": {"gradient_checkpointing": False},
    }
    changed = {name: {**settings.get(name, {}), **value} for name, value in sections.items()}
    return TrainConfig.model_validate(settings | changed)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"lora": {"rank": 8}}, "lora.rank is 4 in it and 8"),
        ({"lora": {"alpha": 4}}, "lora.alpha is 8.0 in it and 4"),
        ({"lora": {"use_rslora": True}}, "lora.use_rslora is False in it and True"),
        ({"lora": {"target_modules": ["q_proj"]}}, "lora.target_modules is .*'v_proj'.* and .*'q_"),
        (
            {"model": {"name": "models/smollm2-135m-instruct"}},
            "base_model_name_or_path is .*, not 'models/",
        ),
    ],
)
def test_one_of_another_shape_or_base_is_refused(model, shard, adapter, tmp_path, section, says):
    with pytest.raises(AdapterError, match=says):
        train_adapter(config_of(model, **section), [str(shard)], tmp_path / "next", adapter)
    assert not (tmp_path / "next.unfinished").exists()


def test_all_linear_layers_are_not_some_of_them(model, tmp_path):
    few = add_adapter(model, tmp_path / "few", target_modules=["q_proj", "v_proj"])
    with pytest.raises(AdapterError, match=r"\['q_proj', 'v_proj'\] in it and \['down_proj'"):
        read_continued(few, config_of(model))
    named = config_of(model, lora={"target_modules": ["self_attn.q_proj", "v_proj"]})
    assert read_continued(few, named).folder == few


def test_a_pickle_is_refused(model, adapter):
    torch.save(load_file(adapter / WEIGHTS), adapter / "adapter_model.bin")
    (adapter / WEIGHTS).unlink()
    with pytest.raises(AdapterError, match="a pickle can run code"):
        read_continued(adapter, config_of(model))


def test_one_that_was_cut_is_refused(model, adapter):
    weights = adapter / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(AdapterError, match="cannot read"):
        read_continued(adapter, config_of(model))


def test_one_that_vllm_would_not_serve_is_refused(model, tmp_path):
    dora = add_adapter(model, tmp_path / "dora", use_dora=True)
    with pytest.raises(AdapterError, match="use_dora"):
        read_continued(dora, config_of(model))


def test_weights_that_its_training_did_not_write_are_refused(model, adapter):
    (adapter / "provenance.json").write_text(json.dumps({"weights_sha256": "0" * 64}))
    with pytest.raises(ConfigError, match=r"not as provenance\.json lists it .* instead of 0000"):
        read_continued(adapter, config_of(model))


def test_the_next_adapter_names_the_base_where_it_is_now(model, shard, adapter, tmp_path):
    moved = tmp_path / "elsewhere" / model.name
    shutil.copytree(model, moved)
    train_adapter(config_of(moved), [str(shard)], tmp_path / "next", adapter)
    configuration = json.loads((tmp_path / "next" / "adapter_config.json").read_bytes())
    assert configuration["base_model_name_or_path"] == str(moved)


def test_provenance_names_it_and_another_in_its_place_is_refused(model, shard, adapter, tmp_path):
    config, out = config_of(model), tmp_path / "next"
    train_adapter(config, [str(shard)], out, adapter)
    provenance = json.loads((out / "provenance.json").read_bytes())
    continued = read_continued(adapter, config)
    assert provenance["continued_adapter"] == continued.describe().model_dump()
    other = add_adapter(model, tmp_path / "other", seed=1)
    with pytest.raises(DirectoryError, match=r"inputs\.continued_adapter_sha256"):
        train_adapter(config, [str(shard)], out, other)
