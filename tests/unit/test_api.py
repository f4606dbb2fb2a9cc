"""`import selflengthen`: typed results, and the same behaviour as the commands."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import selflengthen
from command import environment
from own_code import BASE, BLOCKS
from selflengthen.contract.record import Record
from selflengthen.contract.row import Row
from selflengthen.errors import ConfigError, UsageError
from selflengthen.process.own_modules import ROOT
from tiny_model import build_tiny_model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "api_code.py").write_text("\n\n".join(BLOCKS), "utf-8")
    engine = BASE["engine"] | {"kind": "api_code:Engine"}
    config = {key: value for key, value in BASE.items() if key not in ("filter", "output")}
    config |= {"engine": engine, "length_sampling": {}}
    (tmp_path / "run.yaml").write_text(json.dumps(config), "utf-8")
    return tmp_path


def test_a_run_gives_typed_results(folder, capfd):
    run = selflengthen.synthesize(selflengthen.load_config("run.yaml"), out="runs/a")
    assert (run.state, run.was_complete, run.has_fewer_than_asked) == ("complete", False, False)
    records = list(selflengthen.read_records("runs/a"))
    assert run.metrics.samples.records == len(records) > 0
    assert all(isinstance(record, Record) for record in records)
    rows = list(selflengthen.read_rows("runs/a", "generator"))
    assert all(isinstance(row, Row) for row in rows)
    assert [row.id for row in rows] == [record.id for record in records]
    assert "iteration 1: complete" in capfd.readouterr().out
    again = selflengthen.synthesize(selflengthen.load_config("run.yaml"), out="runs/a")
    assert again.was_complete
    assert again.metrics == run.metrics


def test_a_notebook_has_a_loop_that_runs(folder):
    async def cell():
        return selflengthen.synthesize(selflengthen.load_config("run.yaml"), out="runs/a")

    assert asyncio.run(cell()).state == "complete"


def test_final_data_and_an_evaluation_in_a_notebook(folder):
    (folder / "suite.jsonl").write_text('{"query": "Write a story of about 200 words."}\n')
    more = ["collect.rewrite=phrase", "eval.suite=suite.jsonl", "eval.num_requests=1"]
    config = selflengthen.load_config("run.yaml", [*more, "eval.answers=2"])
    selflengthen.synthesize(config, out="runs/a")

    async def cell():
        result = selflengthen.collect(config, out="runs/a")
        return result, selflengthen.evaluate(config, out="runs/exam")

    result, evaluation = asyncio.run(cell())
    assert result.collection.rows > 0
    assert (folder / "runs" / "a" / "final" / "manifest.json").exists()
    assert evaluation.subjects["base"].all.answers == 2
    assert selflengthen.collect(config, out="runs/a").was_complete


SLOW = """
import asyncio, signal, sys
import selflengthen, api_code
class Slow(api_code.Engine):
    async def generate(self, request, new_watch=None):
        await asyncio.sleep(0.05)
        return await super().generate(request, new_watch)
api_code.Slow = Slow
handler = signal.getsignal(signal.SIGINT)
overrides = ["engine.kind=api_code:Slow", "engine.max_num_seqs=1"]
config = selflengthen.load_config("run.yaml", overrides)
def synthesize():
    return selflengthen.synthesize(config, out="runs/a")
async def cell():
    return synthesize()
print("ready", flush=True)
run = asyncio.run(cell()) if sys.argv[1] == "notebook" else synthesize()
assert signal.getsignal(signal.SIGINT) is handler
print("state", run.state, run.metrics.state)
"""


@pytest.mark.parametrize("where", ["script", "notebook"])
def test_ctrl_c_interrupts_a_run_and_the_same_call_goes_on(folder, where):
    (folder / "slow.py").write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, "slow.py", where],
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = folder / "runs" / "a" / "iteration-1" / "journal"
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in journal.glob("*.jsonl")):
        assert time.monotonic() < deadline, process.communicate(timeout=1)
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "state interrupted interrupted" in stdout
    again = subprocess.run(
        [sys.executable, "slow.py", where],
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "state complete complete" in again.stdout
    metrics = json.loads((folder / "runs" / "a" / "iteration-1" / "metrics.json").read_bytes())
    assert metrics["replayed"] > 0


UNGUARDED = """
import multiprocessing, sys
import selflengthen
if multiprocessing.current_process().name == "MainProcess":
    child = multiprocessing.get_context("spawn").Process(target=print)
    child.start()
    child.join()
    sys.exit(child.exitcode)
getattr(selflengthen, sys.argv[1])(selflengthen.load_config("run.yaml"), out="runs/a")
"""


@pytest.mark.parametrize("function", ["synthesize", "collect", "evaluate"])
def test_a_script_that_a_process_of_the_engine_imports_is_told_so(folder, function):
    (folder / "unguarded.py").write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, "unguarded.py", function],
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "call it under `if __name__ == '__main__':`" in done.stderr
    assert not (folder / "runs").exists()


def test_an_adapter_is_trained_on_what_a_run_wrote(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.chdir(ROOT)
        model = build_tiny_model(folder / "tiny")
    selflengthen.synthesize(selflengthen.load_config("run.yaml"), out="runs/a")
    settings = {
        "model": {"name": str(model), "dtype": "float32"},
        "lora": {"rank": 4, "alpha": 8},
        "optimization": {"epochs": 1},
        "memory": {"gradient_checkpointing": False},
    }
    (folder / "train.yaml").write_text(json.dumps(settings))
    shards = "runs/a/iteration-1/shards/generator-*.jsonl"
    provenance = selflengthen.fit("train.yaml", shards, out="adapter")
    assert provenance.rows.used == len(list(selflengthen.read_rows("runs/a", "generator")))
    assert provenance.metrics.steps >= 1
    assert selflengthen.fit("train.yaml", shards, out="adapter") == provenance


def test_texts_are_judged():
    assert selflengthen.judge("The river runs on to the sea.").keep
    assert selflengthen.judge("The river runs on to the").reason == "incomplete_ending"
    chinese = selflengthen.judge(
        "The river runs on to the sea.", instruction="请写一篇关于河流的长文。"
    )
    assert chinese.reason == "language_drift"
    with pytest.raises(UsageError, match="profile x: unknown; use one of default"):
        selflengthen.judge("One.", profile="x")


def test_what_is_wrong_is_raised_with_its_place(folder):
    with pytest.raises(ConfigError, match=r"num_instruction.*did you mean 'num_instructions'"):
        selflengthen.load_config("run.yaml", ["num_instruction=3"])
    with pytest.raises(AttributeError, match="nothing"):
        selflengthen.nothing  # noqa: B018


def test_the_front_door_is_light():
    code = "import sys, selflengthen; print('pydantic' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
