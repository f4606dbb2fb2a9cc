"""Configurations: the shipped ones parse; whatever is wrong is one line with place and remedy."""

from pathlib import Path

import pytest
import yaml

from selflengthen.config_file import load_config
from selflengthen.errors import ConfigError
from synth.config import RunConfig
from train.config import TrainConfig

CPU = Path("configs/cpu.yaml")
CONFIGS = sorted(Path("configs").glob("*.yaml"))
MINIMAL = """
num_instructions: 4
model: {name: some/model}
engine: {max_num_seqs: 8, max_num_batched_tokens: 512, max_model_len: 2048}
"""


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(MINIMAL)
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_configuration_parses_and_sets_the_engine_s_size(path):
    assert len(CONFIGS) >= 4
    load_config(RunConfig, path)
    engine = yaml.safe_load(path.read_text())["engine"]
    assert {"max_num_seqs", "max_num_batched_tokens", "max_model_len"} <= set(engine)


def test_the_reference_configurations_have_the_reference_s_numbers():
    for name in ("qwen-zh", "llama-en"):
        config = load_config(RunConfig, Path(f"configs/{name}.yaml"))
        decoding, extend = config.decoding, config.extend
        assert (decoding.temperature, decoding.top_p, decoding.top_k) == (0.7, 0.8, 20)
        assert decoding.repetition_penalty == 1.1
        assert (config.generate.attempts, extend.attempts, extend.micro_iterations) == (20, 20, 3)
        assert (config.generate.responses, extend.extensions, extend.min_growth) == (2, 2, 1.2)
        assert config.generate.max_completion_tokens == extend.max_completion_tokens == 16384
        assert (config.length_sampling.rank, config.length_sampling.unit) == ("first", "characters")
        assert config.filter.profile == extend.form == f"reference-{name.split('-')[0]}"


def test_overrides_win_over_the_file(config_file):
    overrides = ["num_instructions=9", "filter.max_words=900", "decoding.stop=['###']"]
    config = load_config(RunConfig, config_file, overrides)
    assert config.num_instructions == 9
    assert config.filter.max_words == 900
    assert config.decoding.stop == ("###",)


def test_a_profile_can_be_given_by_name(config_file):
    assert (
        load_config(RunConfig, config_file, ["filter=reference-qwen"]).filter.profile
        == "reference-qwen"
    )


def test_a_configuration_cannot_be_changed(config_file):
    with pytest.raises(ValueError, match="frozen"):
        load_config(RunConfig, config_file).num_instructions = 5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["engine.max_num_seq=4"], r"-o engine\.max_num_seq: unknown key; did you mean 'max_num_s"),
        (["generat.attempts=4"], "unknown key; did you mean 'generate'"),
        (["filter.max_wrods=4"], "unknown key; did you mean 'max_words'"),
        (["zzz=4"], "unknown key; known here: seed, "),
        (
            ["num_instructions=many"],
            r"-o num_instructions: input should be a valid integer, got 'm",
        ),
        (["num_instructions=4.5"], "valid integer"),
        (["num_instructions=0"], r"greater than or equal to 1, got 0"),
        (["decoding.temperature=9"], "less than or equal to 2"),
        (["extend.min_growth=0.5"], "greater than or equal to 1, got 0.5"),
        (["expand.min_words=50", "expand.max_words=5"], "min_words 50 exceeds max_words 5"),
        (["filter.profile=strict"], "-o filter.profile: no 'strict' here; use one of 'default', "),
        (["filter=strict"], "-o filter: profile: no 'strict' here; use one of 'default', "),
        (["filter={min_words: 0}"], "-o filter: min_words: input should be greater than or eq"),
        (["engine={max_num_seqs: 0}"], "-o engine: max_num_seqs: input should be greater than"),
        (["filter=reference-qwen", "filter.max_words=3"], "'filter' is already set to 'reference-"),
        (["filter.profile=reference-qwen", "filter.max_words=3"], "filter.max_words: unknown key"),
        (["num_instructions"], "-o num_instructions: write KEY=VALUE"),
        (["=4"], "write KEY=VALUE"),
        (["seed=[1"], "the value is not YAML"),
        (["model=null"], "-o model: input should be"),
    ],
)
def test_a_wrong_override_is_one_line(config_file, overrides, message):
    with pytest.raises(ConfigError, match=message) as error:
        load_config(RunConfig, config_file, overrides)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-4", 1e-4),
        ("2e-5", 2e-5),
        ("5E-1", 0.5),
        ("+1e-3", 1e-3),
        ("1.5e-3", 1.5e-3),
        (".5e-1", 0.05),
        ("1.e-2", 0.01),
        ("0.25", 0.25),
        ("1", 1.0),
    ],
)
def test_numbers_with_an_exponent_are_numbers(tmp_path, written, value):
    file = tmp_path / "train.yaml"
    file.write_text(f"model: {{name: x}}\noptimization: {{learning_rate: {written}}}\n")
    assert load_config(TrainConfig, file).optimization.learning_rate == value
    over = load_config(TrainConfig, file, [f"optimization.learning_rate={written}"])
    assert over.optimization.learning_rate == value
    inside = load_config(TrainConfig, file, [f"optimization={{learning_rate: {written}}}"])
    assert inside.optimization.learning_rate == value


@pytest.mark.parametrize(
    "text",
    [
        "/data/a #1/x",
        "#1",
        "a: b",
        "Answer at length: no lists, no # signs",
        "C:\\models\\base",
        "- x",
        "it's",
        "100%",
        "-",
        "? x",
        "=",
        "<<",
        "1e9f3a7",
        "12e4-instruct",
        "2024-01-31",
        "2024-99-99",
    ],
)
def test_a_plain_value_of_an_override_is_taken_as_it_stands(text):
    assert load_config(RunConfig, CPU, [f"model.name={text}"]).model.name == text


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("model.system_prompt=", None),
        ("model.system_prompt=null", None),
        ("model.system_prompt=~", None),
        ('model.system_prompt="null"', "null"),
        ("model.system_prompt='a # b'", "a # b"),
        ("model.system_prompt= spaces around ", "spaces around"),
    ],
)
def test_what_a_value_of_an_override_means(override, value):
    assert load_config(RunConfig, CPU, [override]).model.system_prompt == value


def test_a_revision_that_begins_like_a_number_is_a_text_in_a_file(tmp_path):
    file = tmp_path / "train.yaml"
    file.write_text("model: {name: x, revision: 1e9f3a7}\n")
    assert load_config(TrainConfig, file).model.revision == "1e9f3a7"


def test_a_date_for_a_text_needs_quotes_in_a_file(tmp_path):
    file = tmp_path / "train.yaml"
    file.write_text("model: {name: x, revision: 2024-01-31}\n")
    with pytest.raises(ConfigError, match=r"model\.revision: .*valid string.*; put it in quotes"):
        load_config(TrainConfig, file)


@pytest.mark.parametrize("revision", ["12e4567", "007", "1:30", "true"])
def test_a_text_that_reads_as_something_else_needs_quotes(revision):
    with pytest.raises(ConfigError, match=r"valid string, got .*; put it in quotes"):
        load_config(RunConfig, CPU, [f"model.revision={revision}"])
    quoted = load_config(RunConfig, CPU, [f'model.revision="{revision}"'])
    assert quoted.model.revision == revision


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a configuration is a mapping"),
        (b"- a\n- b\n", "a configuration is a mapping"),
        (b"a: [", "not YAML"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"seed: 1\nseed: 2\n", "line 2: key 'seed' is given twice"),
        (b"seed: 1\n", "num_instructions: missing"),
        (b"seed: 1\nnum_instruction: 2\n", "num_instruction: unknown key; did you mean"),
    ],
)
def test_a_wrong_file_is_one_line_with_its_name(tmp_path, content, message):
    path = tmp_path / "wrong.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as error:
        load_config(RunConfig, path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_every_field_is_documented():
    def undocumented(model, prefix=""):
        for name, field in model.model_fields.items():
            if not field.description:
                yield prefix + name
            if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
                yield from undocumented(field.annotation, f"{prefix}{name}.")

    assert list(undocumented(RunConfig)) == []
