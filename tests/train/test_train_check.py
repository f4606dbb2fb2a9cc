"""`train check`: what an adapter must not be, each shown with one that is really broken."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from selflengthen.errors import AdapterError
from tiny_model import add_adapter, build_tiny_model
from train.adapter.check import check_adapter, inspect_adapter

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
FIRST = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    return add_adapter(model, tmp_path_factory.mktemp("whole") / "adapter")


@pytest.fixture
def adapter(whole, tmp_path):
    """A copy to break."""
    return shutil.copytree(whole, tmp_path / "adapter")


def change_tensors(adapter, change):
    tensors = load_file(adapter / WEIGHTS)
    change(tensors)
    save_file(tensors, adapter / WEIGHTS)


def change_config(adapter, **values):
    path = adapter / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def refusal(adapter, base=None):
    """Return the one line that refuses an adapter, before vLLM is asked."""
    with pytest.raises(AdapterError) as caught:
        inspect_adapter(adapter, base)
    message = str(caught.value)
    assert "\n" not in message
    assert str(adapter) in message
    return message


def test_a_whole_adapter_is_accepted_by_vllm_s_own_loader_too(whole, model):
    report = check_adapter(whole, str(model))
    assert (report.rank, report.alpha, report.dtype) == (4, 8, "F32")
    assert report.base_layers == "all match"
    assert len(report.target_modules) == 7
    tensors = load_file(whole / WEIGHTS)
    assert report.num_tensors == len(tensors) == 2 * 7 * 2
    assert report.num_parameters == sum(tensor.numel() for tensor in tensors.values())
    assert report.vllm_loader.startswith("accepted by vLLM 0.")


@pytest.mark.parametrize(
    "lora",
    [
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 8}},
        {"init_lora_weights": "orthogonal"},
        {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": [1]},
    ],
    ids=str,
)
def test_other_plain_adapters_are_accepted(model, tmp_path, lora):
    report = inspect_adapter(add_adapter(model, tmp_path / "adapter", **lora))
    assert report.base_layers == "all match"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"trainable_token_indices": [1, 2]}, "trainable_token_indices"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"init_lora_weights": "olora"}, "init_lora_weights"),
        ({"peft_type": "PREFIX_TUNING"}, "peft_type"),
        ({"r": 513}, "r: .*513"),
        ({"r": 0}, "r: .*0"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"base_model_name_or_path": None}, "base_model_name_or_path"),
    ],
    ids=str,
)
def test_what_vllm_does_not_serve_is_refused_by_name(adapter, changes, key):
    change_config(adapter, **changes)
    with pytest.raises(AdapterError, match=rf"adapter_config\.json: {key}"):
        inspect_adapter(adapter)


@pytest.mark.parametrize(
    ("matrix", "shape", "says"),
    [
        ("lora_A", (5, 64), r"\[r, in\]"),
        ("lora_B", (64, 3), r"\[out, r\]"),
        ("lora_A", (4, 63), "base model"),
        ("lora_B", (32, 4), "base model"),
    ],
)
def test_a_tensor_of_another_shape_is_refused_by_name(adapter, matrix, shape, says):
    name = f"{FIRST}.{matrix}.weight"
    change_tensors(adapter, lambda tensors: tensors.update({name: torch.ones(shape)}))
    with pytest.raises(AdapterError, match=rf"{name}.*{says}"):
        inspect_adapter(adapter)


@pytest.mark.parametrize("matrix", ["lora_A", "lora_B"])
def test_a_matrix_without_its_counterpart_is_refused(adapter, matrix):
    change_tensors(adapter, lambda tensors: tensors.pop(f"{FIRST}.{matrix}.weight"))
    assert f"has no {matrix}" in refusal(adapter)


def test_an_update_of_a_layer_that_the_base_lacks_is_refused(adapter):
    def move(tensors):
        for matrix in ("lora_A", "lora_B"):
            tensor = tensors.pop(f"{FIRST}.{matrix}.weight")
            tensors[f"{FIRST.replace('layers.0', 'layers.7')}.{matrix}.weight"] = tensor

    change_tensors(adapter, move)
    assert "layers.7.self_attn.q_proj" in refusal(adapter)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_value_that_is_not_finite_is_refused(adapter, value):
    def spoil(tensors):
        tensors[f"{FIRST}.lora_B.weight"][3, 2] = float(value)

    change_tensors(adapter, spoil)
    assert f"{FIRST}.lora_B.weight" in refusal(adapter)


def test_an_adapter_that_changes_nothing_is_refused(adapter):
    def empty(tensors):
        tensors.update({name: 0 * tensor for name, tensor in tensors.items() if "lora_B" in name})

    change_tensors(adapter, empty)
    assert "every lora_B is zero" in refusal(adapter)


def test_a_pickle_is_refused(adapter):
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    assert "pickle" in refusal(adapter)


def test_a_torn_file_is_refused(adapter):
    whole = (adapter / WEIGHTS).read_bytes()
    (adapter / WEIGHTS).write_bytes(whole[: len(whole) // 2])
    assert WEIGHTS in refusal(adapter)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_missing_file_is_named(adapter, name):
    (adapter / name).unlink()
    assert name in refusal(adapter)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_pipe_is_refused_and_not_waited_for(adapter, name):
    (adapter / name).unlink()
    os.mkfifo(adapter / name)
    assert name in refusal(adapter)


def test_an_adapter_of_another_base_is_refused(adapter, model, tmp_path):
    assert str(model) in refusal(adapter, "nobody/nothing")
    with pytest.raises(AdapterError, match="no such folder; name it where it is now"):
        inspect_adapter(adapter, str(tmp_path / "elsewhere" / model.name))
    inspect_adapter(adapter, f"{model.parent}/../{model.parent.name}/{model.name}")


def test_the_command_prints_a_report_and_refuses_in_one_line(adapter):
    from click.testing import CliRunner

    from train.__main__ import cli

    done = CliRunner().invoke(cli, ["check", str(adapter)])
    assert done.exit_code == 0
    assert "accepted by vLLM" in done.output
    change_config(adapter, use_dora=True)
    assert isinstance(CliRunner().invoke(cli, ["check", str(adapter)]).exception, AdapterError)
