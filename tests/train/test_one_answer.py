"""Whether vLLM serves an adapter: synthesizer, check, continued training and merge say the same."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from selflengthen.adapter.base import check_base
from selflengthen.adapter.config import read_adapter_config
from selflengthen.adapter.served import load_adapter
from selflengthen.errors import AdapterError
from tiny_model import add_adapter, build_tiny_model
from train.adapter.check import check_adapter
from train.adapter.continued import read_continued
from train.adapter.merge import merge_adapter
from train.config import TrainConfig

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
# What PEFT 0.3 wrote.
OLD_KEYS = (
    "base_model_name_or_path",
    "bias",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "lora_alpha",
    "lora_dropout",
    "modules_to_save",
    "peft_type",
    "r",
    "target_modules",
    "task_type",
)
MADE = {
    "plain": {},
    "dora": {"use_dora": True},
    "rslora": {"use_rslora": True},
    "modules_to_save": {"modules_to_save": ["lm_head"]},
    "embed_target": {"target_modules": ["q_proj", "embed_tokens"]},
    "lm_head_target": {"target_modules": ["q_proj", "lm_head"]},
    "rank_pattern": {"rank_pattern": {"layers.0.self_attn.q_proj": 32, "down_proj": 2}},
    "alpha_pattern": {"alpha_pattern": {"layers.0.self_attn.q_proj": 64.0}},
    "regex": {"target_modules": r".*\.layers\.[01]\..*(q|v)_proj"},
    "layers_to_transform": {"target_modules": ["q_proj"], "layers_to_transform": [1]},
    "exclude": {"exclude_modules": ["down_proj"]},
    "bias_all": {"bias": "all"},
    "pissa": {"init_lora_weights": "pissa"},
    "lora_bias": {"lora_bias": True},
    "tokens": {"trainable_token_indices": [5, 6]},
}
EDITED = {
    "old_peft": lambda config: {key: config[key] for key in OLD_KEYS} | {"enable_lora": None},
    "unknown_keys": lambda config: config | {"peft_version": "0.99.0", "use_newthing": False},
    "moved_base": lambda config: config | {"base_model_name_or_path": "/data/elsewhere/tiny"},
    "moved_to_windows": lambda config: config | {"base_model_name_or_path": "C:\\models\\Tiny"},
    "from_the_hub_s_cache": lambda config: (
        config | {"base_model_name_or_path": "/cache/models--org--tiny/snapshots/0a1b2c"}
    ),
    "slash": lambda config: (
        config | {"base_model_name_or_path": config["base_model_name_or_path"] + "/"}
    ),
    "other_base": lambda config: config | {"base_model_name_or_path": "/data/elsewhere/llama"},
    "no_base": lambda config: config | {"base_model_name_or_path": None},
    "alpha_text": lambda config: config | {"lora_alpha": "16"},
    "no_rank_pattern": lambda config: config | {"rank_pattern": None},
    "no_alpha_pattern": lambda config: config | {"alpha_pattern": None},
    "empty_pattern": lambda config: config | {"rank_pattern": {}},
}
SERVED = {
    *("plain", "rslora", "rank_pattern", "alpha_pattern", "regex", "layers_to_transform"),
    *("exclude", "old_peft", "unknown_keys", "moved_base", "moved_to_windows"),
    *("from_the_hub_s_cache", "slash", "empty_pattern", "bfloat16"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def made(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return {name: add_adapter(model, folder / name, **lora) for name, lora in MADE.items()}


def edit(adapter, change):
    path = adapter / CONFIG
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def rename(adapter, old, new):
    tensors = load_file(adapter / WEIGHTS)
    save_file({name.replace(old, new): one for name, one in tensors.items()}, adapter / WEIGHTS)


def in_other_bytes(adapter, kind):  # noqa: C901 - a list
    if kind == "bom":
        (adapter / CONFIG).write_bytes(b"\xef\xbb\xbf" + (adapter / CONFIG).read_bytes())
    elif kind == "pickle":
        torch.save(load_file(adapter / WEIGHTS), adapter / "adapter_model.bin")
        (adapter / WEIGHTS).unlink()
    elif kind == "bfloat16":
        tensors = load_file(adapter / WEIGHTS)
        save_file({name: one.bfloat16() for name, one in tensors.items()}, adapter / WEIGHTS)
    elif kind == "default_name":
        rename(adapter, ".weight", ".default.weight")
    elif kind == "compiled":
        rename(adapter, "base_model.model.", "base_model.model._orig_mod.")
    elif kind == "not_json":
        (adapter / CONFIG).write_text("{")
    elif kind == "no_object":
        (adapter / CONFIG).write_text("[]")
    elif kind == "torn":
        (adapter / WEIGHTS).write_bytes((adapter / WEIGHTS).read_bytes()[:-9])


BYTES = ("bom", "pickle", "bfloat16", "default_name", "compiled", "not_json", "no_object", "torn")


@pytest.fixture
def adapter(made, tmp_path):
    """Return a function that gives a copy of one of the adapters, which may be edited."""

    def copy(name):
        copied = shutil.copytree(made.get(name, made["plain"]), tmp_path / "an adapter ü")
        if name in EDITED:
            edit(copied, EDITED[name])
        elif name in BYTES:
            in_other_bytes(copied, name)
        return copied

    return copy


def answer(read, *arguments, **options):
    """Return the reason of a refusal, or None."""
    try:
        read(*arguments, **options)
    except AdapterError as error:
        return str(error)
    return None


def as_continued(adapter, model):
    """Continue an adapter with its own settings, as far as they can be configured."""
    try:
        own = json.loads((adapter / CONFIG).read_text(encoding="utf-8-sig"))
        lora = {"rank": own["r"], "alpha": own["lora_alpha"], "use_rslora": own.get("use_rslora")}
    except (ValueError, TypeError):
        lora = {"rank": 4, "alpha": 8, "use_rslora": False}
    alpha = lora["alpha"] if isinstance(lora["alpha"], int | float) else 8
    lora |= {"alpha": alpha, "use_rslora": bool(lora["use_rslora"])}
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora["target_modules"] = names
    config = TrainConfig.model_validate({"model": {"name": str(model)}, "lora": lora})
    return answer(read_continued, adapter, config)


@pytest.mark.parametrize("name", [*MADE, *EDITED, *BYTES])
def test_there_is_one_answer(adapter, model, tmp_path, name):
    copied = adapter(name)
    synthesizer = answer(load_adapter, "generator@1", copied, str(model))
    checked = answer(check_adapter, copied, str(model))
    merged = answer(merge_adapter, copied, tmp_path / "merged", base=str(model))
    assert (synthesizer is None) == (name in SERVED), synthesizer
    assert checked == synthesizer
    assert "\n" not in (synthesizer or "")
    assert merged == synthesizer
    continued = as_continued(copied, model)
    if synthesizer is not None:
        assert continued == synthesizer
    elif continued is not None:
        assert "lora.target_modules is" in continued


@pytest.mark.parametrize(
    ("name", "rank"), [("plain", 8), ("rank_pattern", 32), ("empty_pattern", 8)]
)
def test_the_served_rank_is_that_of_the_largest_update(adapter, model, name, rank):
    assert load_adapter("generator@1", adapter(name), str(model)).served_rank == rank


@pytest.mark.parametrize("changes", [{"r": 64}, {"rank_pattern": {"no_such_layer": 64}}])
def test_the_served_rank_counts_ranks_that_no_layer_has(adapter, model, changes):
    """vLLM refuses by the configuration, whatever the tensors are."""
    copied = adapter("plain")
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    own = {"rank_pattern": dict.fromkeys(names, 4)} if "r" in changes else {}
    edit(copied, lambda config: config | own | changes)
    assert load_adapter("generator@1", copied, str(model)).served_rank == 64
    assert check_adapter(copied, str(model)).vllm_loader.startswith("accepted by vLLM")


@pytest.mark.parametrize(
    ("made_for", "base", "is_same"),
    [
        ("Qwen/Qwen3-8B", "/models/qwen3-8b", True),
        ("Qwen/Qwen3-8B", "/hub/models--Qwen--Qwen3-8B/snapshots/4af1", True),
        ("/hub/models--gpt2/snapshots/4af1", "gpt2", True),
        ("D:\\llm\\Qwen3-8B\\", "Qwen/Qwen3-8B", True),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B-Base", False),
        ("/hub/models--Qwen--Qwen3-8B/snapshots/4af1", "Qwen/Qwen3-4B", False),
    ],
)
def test_a_base_goes_by_its_last_name(adapter, tmp_path, made_for, base, is_same):
    copied = adapter("plain")
    edit(copied, lambda config: config | {"base_model_name_or_path": made_for})
    reason = answer(check_base, copied, read_adapter_config(copied), base)
    assert (reason is None) == is_same


def test_a_folder_goes_by_the_name_that_it_links_to(adapter, model, tmp_path):
    link = tmp_path / "current"
    link.symlink_to(model)
    assert answer(load_adapter, "generator@1", adapter("moved_base"), str(link)) is None


def test_an_adapter_for_wider_layers_is_refused_before_an_engine_starts(adapter, model):
    copied = adapter("plain")
    tensors = load_file(copied / WEIGHTS)
    name = next(name for name in tensors if name.endswith("q_proj.lora_A.weight"))
    save_file(tensors | {name: torch.ones(4, 65)}, copied / WEIGHTS)
    assert "is for another model" in answer(load_adapter, "generator@1", copied, str(model))
