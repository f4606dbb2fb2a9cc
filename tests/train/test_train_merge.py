import hashlib
import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from selflengthen.errors import AdapterError, ConfigError, DirectoryError
from tiny_model import add_adapter, build_tiny_model, load_with_adapter
from train.__main__ import main
from train.adapter.merge import merge_adapter

TOKEN_IDS_BT = torch.arange(2, 66).reshape(2, 32)
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def adapter(model, tmp_path_factory):
    return add_adapter(model, tmp_path_factory.mktemp("adapter") / "adapter")


def logits(model):
    with torch.no_grad():
        return model(TOKEN_IDS_BT).logits.float()


def load(folder, dtype="auto"):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def test_merged_model_answers_as_base_with_adapter(model, adapter, tmp_path):
    merge_adapter(adapter, tmp_path / "merged")
    merged = logits(load(tmp_path / "merged"))
    adapted = logits(load_with_adapter(model, adapter))
    assert (merged - adapted).abs().max() < 1e-5
    assert (merged - logits(load(model))).abs().max() > 1e-2


@pytest.mark.parametrize("lora", [{"use_rslora": True}, {"rank_pattern": {"q_proj": 8}}], ids=str)
def test_merge_counts_scale_and_ranks_as_the_adapter_does(model, tmp_path, lora):
    adapter = add_adapter(model, tmp_path / "adapter", **lora)
    merge_adapter(adapter, tmp_path / "merged")
    adapted = logits(load_with_adapter(model, adapter))
    assert (logits(load(tmp_path / "merged")) - adapted).abs().max() < 1e-5


def test_bfloat16_merge_is_rounded_once_and_answers_alike(model, adapter, tmp_path):
    merge_adapter(adapter, tmp_path / "merged", "bfloat16")
    merge_adapter(adapter, tmp_path / "exact", "float32")
    rounded, exact = load(tmp_path / "merged"), load(tmp_path / "exact")
    pairs = zip(rounded.parameters(), exact.parameters(), strict=True)
    assert all(torch.equal(one, other.to(torch.bfloat16)) for one, other in pairs)
    assert len(list(rounded.parameters())) > 10
    adapted = logits(load_with_adapter(model, adapter, torch.bfloat16))
    difference = logits(rounded).log_softmax(-1) - adapted.log_softmax(-1)
    assert difference.abs().max() / adapted.log_softmax(-1).abs().max() < 1e-3


def test_weights_have_the_type_of_the_base_unless_asked(adapter, tmp_path):
    base = build_tiny_model(tmp_path / "base", dtype=torch.bfloat16)
    own = add_adapter(base, tmp_path / "adapter", target_modules=["q_proj"])
    merge_adapter(own, tmp_path / "merged")
    merge_adapter(own, tmp_path / "wide", "float32")
    for folder, dtype in (("merged", torch.bfloat16), ("wide", torch.float32)):
        weights = load_file(tmp_path / folder / "model.safetensors")
        assert {tensor.dtype for tensor in weights.values()} == {dtype}
        assert load(tmp_path / folder).dtype is dtype


def test_folder_holds_model_tokenizer_generation_config_and_provenance(model, adapter, tmp_path):
    out = tmp_path / "new" / "merged"
    merge_adapter(adapter, out)
    assert [path.name for path in out.parent.iterdir()] == ["merged"]
    assert {"config.json", "generation_config.json", "tokenizer.json"} <= set(names(out))
    text = "Write a story. <|im_end|>"
    tokenizers = AutoTokenizer.from_pretrained(out), AutoTokenizer.from_pretrained(model)
    assert tokenizers[0](text) == tokenizers[1](text)
    assert tokenizers[0].chat_template == tokenizers[1].chat_template
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["base_model"] == str(model)
    assert provenance["adapter"] == str(adapter)
    digest = hashlib.sha256((adapter / WEIGHTS).read_bytes()).hexdigest()
    assert provenance["adapter_sha256"] == digest
    assert provenance["dtype"] == "float32"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_overwritten(adapter, tmp_path):
    out = tmp_path / "merged"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DirectoryError, match="exists"):
        merge_adapter(adapter, out)
    assert names(out) == ["mine.txt"]


def test_failed_merge_leaves_no_folder_and_the_next_one_succeeds(adapter, tmp_path, monkeypatch):
    out = tmp_path / "merged"
    with monkeypatch.context() as patch:
        patch.setattr("train.adapter.merge.write_json", fail)
        with pytest.raises(OSError, match="disk full"):
            merge_adapter(adapter, out)
    assert names(tmp_path) == []
    out.mkdir()
    merge_adapter(adapter, out)
    assert names(tmp_path) == ["merged"]
    assert (out / "provenance.json").exists()


def fail(path, value):
    raise OSError("disk full")


def test_broken_adapter_is_refused_before_anything_is_written(adapter, tmp_path):
    broken = shutil.copytree(adapter, tmp_path / "broken")
    tensors = load_file(broken / WEIGHTS)
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, broken / WEIGHTS)
    with pytest.raises(AdapterError, match="nan"):
        merge_adapter(broken, tmp_path / "merged")
    assert names(tmp_path) == ["broken"]


def test_base_that_cannot_be_loaded_is_refused(adapter, tmp_path):
    lost = shutil.copytree(adapter, tmp_path / "lost")
    config = json.loads((lost / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(tmp_path / "nowhere")
    (lost / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="cannot load"):
        merge_adapter(lost, tmp_path / "merged")


@pytest.mark.filterwarnings("ignore")
def test_update_of_an_embedding_is_refused(model, tmp_path):
    adapter = add_adapter(model, tmp_path / "adapter", target_modules=["q_proj", "embed_tokens"])
    with pytest.raises(AdapterError, match="train only linear layers"):
        merge_adapter(adapter, tmp_path / "merged")


def test_quantized_base_is_refused(tmp_path):
    base = build_tiny_model(tmp_path / "base")
    adapter = add_adapter(base, tmp_path / "adapter", target_modules=["q_proj"])
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="bitsandbytes"):
        merge_adapter(adapter, tmp_path / "merged")


def test_command_merges_once_and_then_ends_with_2(adapter, tmp_path, monkeypatch, capsys):
    arguments = ["merge", str(adapter), "--out", str(tmp_path / "merged"), "--dtype", "bfloat16"]
    assert run_train(monkeypatch, arguments) == 0
    assert load(tmp_path / "merged").dtype is torch.bfloat16
    assert run_train(monkeypatch, arguments) == 2
    assert "error: --out" in capsys.readouterr().err


def run_train(monkeypatch, arguments):
    monkeypatch.setattr(sys, "argv", ["train", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0
