import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_model import add_adapter, build_tiny_model
from train.__main__ import main
from train.adapter_check import check_adapter, inspect_adapter
from train.errors import AdapterError

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
    """Return the one line that refuses an adapter; vLLM is not needed for it."""
    with pytest.raises(AdapterError) as caught:
        inspect_adapter(adapter, base)
    message = str(caught.value)
    assert "\n" not in message
    assert str(adapter) in message
    return message


def test_whole_adapter_is_accepted_with_its_report_by_vllm_too(whole, model):
    pytest.importorskip("vllm")
    report = check_adapter(whole, str(model))
    assert (report.rank, report.alpha, report.dtype) == (4, 8, "F32")
    assert report.base_model == str(model)
    assert report.base_layers == "all match"
    assert report.target_modules == (
        *("down_proj", "gate_proj", "k_proj", "o_proj"),
        *("q_proj", "up_proj", "v_proj"),
    )
    tensors = load_file(whole / WEIGHTS)
    assert report.num_tensors == len(tensors) == 2 * 7 * 2
    assert report.num_parameters == sum(tensor.numel() for tensor in tensors.values())
    assert report.vllm_loader.startswith("accepted by vLLM 0.")


def test_without_vllm_the_other_checks_still_run(adapter, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert check_adapter(adapter).vllm_loader == "vLLM not installed"
    change_tensors(adapter, lambda tensors: tensors.pop(f"{FIRST}.lora_A.weight"))
    with pytest.raises(AdapterError):
        check_adapter(adapter)


def test_refusal_of_vllm_is_told_in_its_own_words(adapter):
    pytest.importorskip("vllm")
    from train.vllm_loader import load_in_vllm

    assert load_in_vllm(adapter, ["model.layers.0.self_attn.q_proj", *all_targets()])
    with pytest.raises(AdapterError, match=r"vLLM .* refuses .* expected target modules"):
        load_in_vllm(adapter, ["q_proj"])
    change_config(adapter, use_dora=True)
    with pytest.raises(AdapterError, match="vLLM does not yet support DoRA"):
        load_in_vllm(adapter, all_targets())


def all_targets():
    return "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"


@pytest.mark.parametrize(
    "lora",
    [
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 8, "0.mlp.up_proj": 2}},
        {"init_lora_weights": "orthogonal"},
        {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": [1]},
        {"target_modules": ["q_proj", "embed_tokens"]},
    ],
    ids=lambda lora: next(iter(lora)),
)
@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`")
def test_other_plain_adapters_are_accepted(model, tmp_path, lora):
    report = inspect_adapter(add_adapter(model, tmp_path / "adapter", **lora))
    assert report.base_layers == "all match"


@pytest.mark.parametrize(
    ("lora", "key"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"trainable_token_indices": [1, 2]}, "trainable_token_indices"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"init_lora_weights": "olora"}, "init_lora_weights"),
        ({"lora_bias": True}, "lora_bias"),
        ({"rank": 513, "target_modules": ["q_proj"]}, "r"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
@pytest.mark.filterwarnings("ignore")
def test_what_vllm_does_not_serve_is_refused_by_name(model, tmp_path, lora, key):
    message = refusal(add_adapter(model, tmp_path / "adapter", **lora))
    assert f"{CONFIG}: {key} is " in message
    assert "vLLM serves" in message


@pytest.mark.parametrize("init", ["corda", "loftq", "pissa_niter_4"])
def test_initializations_that_change_the_base_are_refused(adapter, init):
    change_config(adapter, init_lora_weights=init)
    assert f"init_lora_weights is '{init}'" in refusal(adapter)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"peft_type": "IA3"}, "peft_type is 'IA3'"),
        ({"r": 0}, "r is 0"),
        ({"r": "16"}, "r is '16'"),
        ({"rank_pattern": {"q_proj": 1024}}, "rank_pattern.q_proj is 1024"),
        ({"lora_alpha": None}, "lora_alpha is None"),
        ({"base_model_name_or_path": None}, "base_model_name_or_path is None"),
        ({"target_modules": ["nothing"]}, "does not fit the base model"),
    ],
)
def test_impossible_configuration_is_refused_with_its_value(adapter, values, told):
    change_config(adapter, **values)
    assert told in refusal(adapter)


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_unreadable_configuration_is_refused(adapter, text):
    (adapter / CONFIG).write_text(text)
    assert CONFIG in refusal(adapter)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_missing_file_is_refused_by_name(adapter, name):
    (adapter / name).unlink()
    assert f"{adapter / name}: " in refusal(adapter)


def test_pickle_is_refused_unread(adapter):
    torch.save(load_file(adapter / WEIGHTS), adapter / "adapter_model.bin")
    (adapter / WEIGHTS).unlink()
    assert "adapter_model.bin is a pickle" in refusal(adapter)


@pytest.mark.parametrize("num_bytes", [0, 4, 200, -1])
def test_truncated_weights_are_refused(adapter, num_bytes):
    path = adapter / WEIGHTS
    path.write_bytes(path.read_bytes()[:num_bytes])
    assert f"{path}: cannot read: " in refusal(adapter)


def test_weights_without_a_tensor_are_refused(adapter):
    save_file({}, adapter / WEIGHTS)
    assert "holds no tensor" in refusal(adapter)


@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [
        ("lora_A.weight", (5, 64), "has shape [5, 64], but rank 4"),
        ("lora_B.weight", (64, 3), "has shape [64, 3], but rank 4"),
        ("lora_A.weight", (256,), "has shape [256], but rank 4"),
        ("lora_A.weight", (4, 63), "has shape [4, 63], but the base model"),
        ("lora_B.weight", (32, 4), "has shape [32, 4], but the base model"),
        ("lora_B.bias", (64,), "is no LoRA matrix"),
    ],
)
def test_tensor_of_another_shape_is_refused_by_name(adapter, name, shape, told):
    change_tensors(adapter, lambda tensors: tensors.update({f"{FIRST}.{name}": torch.ones(shape)}))
    assert f"tensor {FIRST}.{name} {told}" in refusal(adapter)


@pytest.mark.parametrize("side", ["A", "B"])
def test_matrix_without_its_counterpart_is_refused(adapter, side):
    change_tensors(adapter, lambda tensors: tensors.pop(f"{FIRST}.lora_{side}.weight"))
    assert f"model.layers.0.self_attn.q_proj has no lora_{side}" in refusal(adapter)


def test_targeted_layer_without_its_update_is_refused(adapter):
    def drop_layer(tensors):
        del tensors[f"{FIRST}.lora_A.weight"], tensors[f"{FIRST}.lora_B.weight"]

    change_tensors(adapter, drop_layer)
    assert f"tensor {FIRST}.lora_A.weight is missing" in refusal(adapter)


def test_update_of_a_layer_that_the_base_lacks_is_refused(adapter):
    name = FIRST.replace("layers.0", "layers.7")
    added = {f"{name}.lora_A.weight": torch.ones(4, 64), f"{name}.lora_B.weight": torch.ones(64, 4)}
    change_tensors(adapter, lambda tensors: tensors.update(added))
    assert f"tensor {name}.lora_A.weight has no targeted layer" in refusal(adapter)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_value_that_is_not_finite_is_refused_with_its_place(adapter, value):
    def poison(tensors):
        tensors[f"{FIRST}.lora_B.weight"][3, 2] = value

    change_tensors(adapter, poison)
    assert f"tensor {FIRST}.lora_B.weight holds {value} at [3, 2]" in refusal(adapter)


def test_untrained_adapter_is_refused(adapter):
    def reset(tensors):
        for name, tensor in tensors.items():
            tensor.mul_("lora_A" in name)

    change_tensors(adapter, reset)
    assert "every lora_B is 0" in refusal(adapter)


def test_adapter_of_another_base_is_refused(adapter, model):
    other = shutil.copytree(model, adapter.parent / "other")
    message = refusal(adapter, str(other))
    assert str(model) in message
    assert str(other) in message


def test_base_is_the_same_by_folder_or_by_hub_name(adapter, model):
    inspect_adapter(adapter, f"{model.parent}/../{model.parent.name}/{model.name}")
    change_config(adapter, base_model_name_or_path="nobody/nothing")
    report = inspect_adapter(adapter, "nobody/nothing")
    assert report.base_layers == "not compared, base not local"
    assert "'nobody/nothing', not 'somebody/nothing'" in refusal(adapter, "somebody/nothing")


def test_without_a_local_base_wrong_ranks_are_still_refused(adapter):
    change_config(adapter, base_model_name_or_path="nobody/nothing", r=8)
    assert "but rank 8" in refusal(adapter)


def test_command_prints_the_report_and_ends_with_0_or_2(adapter, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run_check(monkeypatch, adapter) == 0
    assert "28 tensors" in capsys.readouterr().out
    (adapter / CONFIG).unlink()
    assert run_check(monkeypatch, adapter) == 2
    assert capsys.readouterr().err.startswith("error: ")


def run_check(monkeypatch, adapter):
    monkeypatch.setattr(sys, "argv", ["train", "check", str(adapter)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0
