import json

import pytest
from safetensors.torch import load_file, save_file

from selflengthen.errors import AdapterError
from tiny_model import add_adapter, build_tiny_model
from train.adapter.check import inspect_adapter


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("base") / "tiny")


def test_targeted_layer_without_its_update_is_refused_by_name(model, tmp_path):
    adapter = add_adapter(model, tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    layer = "model.layers.1.mlp.up_proj"
    tensors = load_file(path)
    kept = {name: tensor for name, tensor in tensors.items() if f".{layer}." not in name}
    assert len(kept) == len(tensors) - 2
    save_file(kept, path)
    with pytest.raises(AdapterError, match=f"{path}: {layer} has no lora_A and lora_B"):
        inspect_adapter(adapter)


@pytest.mark.parametrize(
    "lora",
    [
        {"target_modules": ["q_proj"], "layers_to_transform": [1]},
        {"target_modules": r".*layers\.0\.mlp\.(up|down)_proj"},
        {"target_modules": "all-linear", "exclude_modules": ["k_proj"]},
    ],
    ids=["layers_to_transform", "pattern", "exclude_modules"],
)
def test_layers_that_are_not_targeted_need_no_update(model, tmp_path, lora):
    report = inspect_adapter(add_adapter(model, tmp_path / "adapter", **lora))
    assert 0 < report.num_tensors < 2 * 7 * 2


def test_target_that_the_base_has_not_is_refused(model, tmp_path):
    adapter = add_adapter(model, tmp_path / "adapter")
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "target_modules": ["nothing"]}))
    with pytest.raises(AdapterError, match="does not fit the base model"):
        inspect_adapter(adapter)
