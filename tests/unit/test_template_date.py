"""A run's chat template is told one day: while it goes on, in training, wherever it is served."""

import json
import os
import time
from datetime import date

import pytest

from chat_templates import LLAMA3, embedded
from scripted_engine import request
from scripted_runs import small_config
from synth.config import ModelConfig
from synth.engine.chat import ChatTokenizer
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare
from tiny_model import add_adapter, build_tiny_model
from train.config import TrainConfig
from train.data.inputs import TrainingInputs, training_date
from train.data.shard_reader import read_shards
from train.training_directory import TrainingDirectory

# 26 hours apart, so that it is never the same day in both.
EAST, WEST = "Pacific/Kiritimati", "Etc/GMT+12"
CONFIG = TrainConfig.model_validate({"model": {"name": "x"}})


@pytest.fixture
def move():
    """Return a function that takes this process to where it is another day."""
    before = os.environ.get("TZ")

    def move_to(zone):
        os.environ["TZ"] = zone
        time.tzset()
        return date.today()

    yield move_to
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


def claim(directory, **changes):
    """Start or go on with a run; return the day that its chat template is told."""
    run = prepare(small_config(**changes), 1, directory)
    with directory.locked():
        directory.claim(run.resolved)
    return run.recipe.today


def shards_of(directory):
    rows = directory.iteration(1).shard("generator", 0)
    rows.parent.mkdir(parents=True)
    turns = {"prompt": [{"role": "user", "content": "Write."}]}
    turns["completion"] = [{"role": "assistant", "content": "A text."}]
    rows.write_text(json.dumps(turns) + "\n")
    return tuple(read_shards([str(rows)]))


def test_a_run_that_goes_on_another_day_keeps_its_own(directory, move):
    first = move(WEST)
    assert claim(directory) == first
    assert move(EAST) != first
    assert claim(directory) == first


def test_a_day_may_be_configured(directory):
    model = {"name": "scripted", "template_date": "2024-02-29"}
    assert claim(directory, model=model) == date(2024, 2, 29)


def test_the_rows_of_a_run_are_trained_on_with_its_day(directory, move, tmp_path):
    first = move(WEST)
    claim(directory)
    move(EAST)
    training = TrainingDirectory(tmp_path / "adapter")
    assert training_date(CONFIG, training, shards_of(directory), None) == first


def test_a_training_that_goes_on_another_day_keeps_its_own(directory, move, tmp_path):
    training, shards = TrainingDirectory(tmp_path / "adapter"), shards_of(directory)
    first = move(WEST)
    inputs = TrainingInputs(CONFIG, shards, None, training_date(CONFIG, training, shards, None))
    with training.work.locked():
        training.work.claim(inputs.resolve())
    assert move(EAST) != first
    assert training_date(CONFIG, training, shards, None) == first


def test_a_run_serves_an_adapter_with_the_day_that_it_was_trained_with(directory, tmp_path):
    model = build_tiny_model(tmp_path / "tiny")
    adapter = add_adapter(model, tmp_path / "adapter")
    (adapter / "provenance.json").write_text('{"template_date": "2024-02-29"}')
    changes = {"model": {"name": str(model)}, "adapters": {"generator": str(adapter)}}
    assert claim(directory, **changes) == date(2024, 2, 29)


def test_directories_that_never_fixed_a_day_go_on_without_one(directory):
    claim(directory)
    resolved = json.loads(directory.config.read_text())
    del resolved["inputs"]["template_date"]
    directory.config.write_text(json.dumps(resolved))
    assert claim(directory) is None


def test_served_prompts_name_the_run_s_day():
    chat = ChatTokenizer(embedded(LLAMA3), ModelConfig(name="x"), date(2024, 2, 29))
    ids = chat.encode(request(0, user="Write.")).ids
    assert "Today Date: 29 Feb 2024" in embedded(LLAMA3).decode(ids)
