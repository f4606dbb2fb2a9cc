"""`train merge` with bases that need care: tied heads, half precision, odd generation settings."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from selflengthen.errors import AdapterError, ConfigError
from tiny_model import add_adapter, build_tiny_model
from train.adapter.merge import merge_adapter


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("base") / "tiny", dtype=torch.bfloat16)


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`")
def test_an_update_of_the_head_is_refused(model, tmp_path):
    adapter = add_adapter(model, tmp_path / "adapter", target_modules=["lm_head"])
    with pytest.raises(AdapterError, match="updates lm_head, at which vLLM's engine dies"):
        merge_adapter(adapter, tmp_path / "merged")
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_weights_without_an_update_stay_bit_for_bit(model, tmp_path):
    adapter = add_adapter(model, tmp_path / "adapter", target_modules=["q_proj"])
    merge_adapter(adapter, tmp_path / "merged")
    before, after = (
        load_file(folder / "model.safetensors") for folder in (model, tmp_path / "merged")
    )
    assert set(before) == set(after)
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert changed == {f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(2)}
    assert {weight.dtype for weight in after.values()} == {torch.bfloat16}


def test_generation_settings_that_transformers_would_not_save_are_kept(model, tmp_path):
    base = shutil.copytree(model, tmp_path / "base")
    path = base / "generation_config.json"
    settings = {"temperature": 0.6, "do_sample": False}
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    adapter = add_adapter(base, tmp_path / "adapter", target_modules=["q_proj"])
    merge_adapter(adapter, tmp_path / "merged")
    kept = json.loads((tmp_path / "merged" / "generation_config.json").read_text())
    assert kept["temperature"] == 0.6


def test_a_weight_that_its_type_cannot_hold_is_refused(model, tmp_path):
    adapter = add_adapter(model, tmp_path / "adapter", target_modules=["q_proj"], rank=1)
    config = adapter / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "lora_alpha": 1e39}))
    with pytest.raises(AdapterError):
        merge_adapter(adapter, tmp_path / "merged")
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


OWN_CODE = """
from transformers import LlamaConfig, LlamaForCausalLM
class OwnConfig(LlamaConfig):
    model_type = "own-code"
class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


def test_a_base_s_own_code_runs_only_when_it_is_trusted(model, tmp_path):
    base = shutil.copytree(model, tmp_path / "base")
    adapter = add_adapter(base, tmp_path / "adapter", target_modules=["q_proj"])
    (base / "own_code.py").write_text(OWN_CODE)
    path = base / "config.json"
    auto_map = {
        "AutoConfig": "own_code.OwnConfig",
        "AutoModelForCausalLM": "own_code.OwnModel",
    }
    changes = {"model_type": "own-code", "auto_map": auto_map}
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ConfigError, match="--trust-remote-code"):
        merge_adapter(adapter, tmp_path / "merged")
    merge_adapter(adapter, tmp_path / "merged", trust_remote_code=True)
    merged = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert merged["model_type"] == "own-code"
