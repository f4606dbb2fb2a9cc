"""`synth eval` and `synth guard` on real vLLM: killed, gone on with, an adapter beside the base."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from command import environment, synth
from cores import core_settings
from trained_adapters import ANSWERS

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

SUITE = [
    {"query": "Write a story about a lighthouse in about 60 words."},
    {"query": "Explain how bees make honey in at least 80 words."},
]
PROMPTS = [{"prompt": "What is two and two?"}, {"prompt": "Name a river."}]


JUDGE = [
    "model.name=models/smollm2-135m-instruct",
    "engine.max_num_seqs=8",
    "engine.max_num_batched_tokens=2048",
    "engine.max_model_len=4096",
    "engine.kv_cache_memory_bytes=800000000",
    "engine.block_size=32",
    "engine.enforce_eager=true",
    "attempts=2",
    "max_completion_tokens=96",
]
CORES = [part for setting in core_settings() for part in ("-o", setting)]


@pytest.fixture(scope="module")
def adapter(trained_adapters):
    return trained_adapters["generator"]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def start(log, *arguments):
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "synth", *map(str, arguments)],
            start_new_session=True,
            stdout=file,
            stderr=file,
            env=environment(),
        )


def wait_for_a_line(process, journal):
    while process.poll() is None:
        if journal.exists() and b"\n" in journal.read_bytes():
            return
        time.sleep(0.1)
    raise AssertionError("ended before an answer was written down")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, adapter, all_faults):
    """Evaluate; with all faults, kill it after an answer, and let it go on.

    Return its folder, that answer or none, and what was printed.
    """
    folder = tmp_path_factory.mktemp("eval")
    suite, out = write_lines(folder / "suite.jsonl", SUITE), folder / "eval"
    arguments = [
        *("eval", "--config", "configs/cpu.yaml", "--out", out, *CORES),
        *("--subject", "base", "--subject", f"mine={adapter}"),
        *("-o", f"eval.suite={suite}", "-o", "eval.num_requests=2", "-o", "eval.answers=2"),
        *("-o", "eval.max_completion_tokens=64", "-o", "engine.max_num_seqs=1"),
    ]
    first = kill_after_an_answer(folder, out, arguments) if all_faults else None
    code, printed, errors = synth(*arguments, timeout_s=600)
    assert code == 0, errors
    return out, first, printed


def kill_after_an_answer(folder, out, arguments):
    process = start(folder / "log", *arguments)
    journal = out / "journal" / "base-base.jsonl"
    wait_for_a_line(process, journal)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return json.loads(journal.read_bytes().split(b"\n")[0])["text"]


@pytest.mark.exhaustive
def test_an_evaluation_that_was_killed_asks_only_what_is_left(evaluated):
    out, first, _ = evaluated
    rows = [json.loads(line) for line in (out / "answers" / "base.jsonl").open("rb")]
    assert first in [row["response"] for row in rows]


def test_an_adapter_is_measured_beside_its_base(evaluated):
    out, _, printed = evaluated
    assert "length score" in printed
    found = json.loads((out / "eval.json").read_bytes())["subjects"]
    assert found["base"]["all"]["answers"] == found["mine"]["all"]["answers"] == 4
    # It was trained to say one sentence, whatever is asked.
    assert (
        found["mine"]["all"]["num_words"]["value"] < 30 < found["base"]["all"]["num_words"]["value"]
    )
    assert found["mine"]["all"]["gain"]["value"] < 0
    assert (out / "lengths.png").stat().st_size > 1000


@pytest.mark.exhaustive
def test_a_judge_that_writes_no_ratings_is_refused_in_one_line(evaluated):
    """The embedded model is too small to judge: it goes on with the text instead."""
    out, _, _ = evaluated
    judge = [part for setting in JUDGE for part in ("-o", f"eval.judge.{setting}")]
    code, _, errors = synth(
        *("judge", "--config", "configs/cpu.yaml", "--out", out, *judge), timeout_s=800
    )
    assert code == 2, errors
    assert "gave not one readable rating of 8; e.g. of base-" in errors.splitlines()[-1]
    rated = [line for path in (out / "judged").glob("*/ratings-*.jsonl") for line in path.open()]
    assert len(rated) == 8


@pytest.mark.exhaustive
def test_a_guard_sees_how_far_an_adapter_is(tmp_path, adapter):
    prompts, out = write_lines(tmp_path / "prompts.jsonl", PROMPTS), tmp_path / "guard"
    code, printed, errors = synth(
        *(
            "guard",
            "--config",
            "configs/cpu.yaml",
            "--out",
            out,
            *CORES,
            "--subject",
            f"mine={adapter}",
        ),
        *("-o", f"guard.prompts={prompts}", "-o", "guard.num_prompts=2", "-o", "guard.max_kl=0.1"),
        timeout_s=600,
    )
    assert code == 0, errors
    found = json.loads((out / "guard.json").read_bytes())["subjects"]
    assert found["base"]["all"]["kl"] is None
    assert found["mine"]["all"]["kl"]["value"] > 0.5
    assert "warning: mine: divergence from the base" in printed
    (answer, _) = [json.loads(line) for line in (out / "answers" / "mine.jsonl").open("rb")]
    assert answer["response"].split()[0] == ANSWERS["generator"].split()[0]
    assert answer["num_scored_tokens"] > 5
