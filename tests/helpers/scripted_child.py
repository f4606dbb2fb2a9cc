"""Plays the processes of a loop: `synth run`, `measure`, `collect`, `eval`, `guard`, `train sft`.

`script.json` beside the run directory maps steps ("run 2", "generator 1", "eval final") to the exit
codes that they end with before they have written anything; "sleep" lets them wait for a signal.
"""

import json
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

from selflengthen.contract.base import TokenCounts
from selflengthen.contract.exam.evaluation import Evaluation, LengthMeasures, SubjectMeasures
from selflengthen.contract.exam.guard_report import Drift, GuardReport, SubjectDrift
from selflengthen.contract.held_out import HeldOutAnswer
from selflengthen.contract.loop_row import Interval
from selflengthen.contract.manifest import ListedFile, Manifest
from selflengthen.contract.metrics import (
    Acceptance,
    CohortCounts,
    EngineFigures,
    Goodput,
    Metrics,
    Percentiles,
    Samples,
    Schedule,
    TokenOutcomes,
)
from selflengthen.contract.provenance import Provenance, RowCounts, TrainedTokens, TrainingMetrics
from selflengthen.files.atomic_file import write_json, write_json_lines

TOKENS = {"prompt": 1, "cached": 0, "generated": 1}

SCRIPTED = (sys.executable, str(Path(__file__).resolve()))
ROWS = '{"id": "1"}\n'


def scripted(run):
    """Let a runner run this file instead of the real commands."""

    def run_scripted(command):
        assert command[:2] == (sys.executable, "-m"), command
        return run((*SCRIPTED, *command[2:]))

    return run_scripted


def calls(folder):
    """Return the steps that were begun, as (name, arguments)."""
    path = folder / "calls.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(call["step"], call["arguments"]) for call in map(json.loads, lines)]


def option(arguments, name):
    return arguments[arguments.index(name) + 1]


def _write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def _held_out(folder, num_words):
    answer = HeldOutAnswer(
        id="1",
        instruction="Write.",
        response="",
        num_words=num_words,
        finish_reason="stop",
        reason=None,
        tokens=TokenCounts(**TOKENS),
        generator="base",
    )
    write_json_lines(folder / "held_out.jsonl", [answer])


def _run(folder, number, exit_code):
    if not (folder / "held_out.jsonl").exists():
        _held_out(folder, 100 * number)
    words = Percentiles(p10=1, p50=200 * number, p90=300 * number, p100=400 * number)
    growth = Percentiles(p10=1, p50=2.5, p90=3, p100=4)
    samples = dict.fromkeys(Samples.model_fields, 1) | {"instructions": 3 if exit_code == 3 else 4}
    metrics = Metrics(
        state="complete",
        iteration=number,
        asked=4,
        cohorts=CohortCounts(total=1, open=0, complete=1),
        samples=Samples(**samples),
        acceptance={
            "expand": Acceptance(requests=4, kept=4, dropped={}),
            "generate": Acceptance(requests=4, kept=2, dropped={}),
            "extend_tail": Acceptance(requests=4, kept=1, dropped={}),
        },
        exhausted={},
        tokens=TokenOutcomes(**dict.fromkeys(TokenOutcomes.model_fields, 0)),
        goodput=Goodput(**dict.fromkeys(Goodput.model_fields, 0)),
        schedule=Schedule(**dict.fromkeys(Schedule.model_fields, 0)),
        num_words={"initial": words, "response": words, "growth": growth},
        held_out=None,
        replayed=0,
        seconds=1,
        seconds_left=None,
        tokens_per_s=1,
        tokens_per_s_now=1,
        engine=EngineFigures(**dict.fromkeys(EngineFigures.model_fields, 0) | {"losses": ()}),
        ledger=(),
    )
    write_json(folder / "metrics.json", metrics)
    if exit_code != 4:
        for role in ("generator", "extender"):
            _write(folder / "shards" / f"{role}-00000.jsonl", ROWS)
    listed = ListedFile(path="shards/generator-00000.jsonl", rows=1, bytes=1, sha256="")
    write_json(folder / "manifest.json", Manifest(num_instructions=4, files=(listed,)))


def _train(out, number):
    loss = {"generator": 1.5, "extender": 2.5, "final": 3.5}[out.name] / number
    provenance = Provenance(
        base_model="scripted",
        base_revision=None,
        chat_template_sha256="",
        config={},
        shards=(),
        continued_adapter=None,
        rows=RowCounts(used=1, dropped_over_long=()),
        tokens=TrainedTokens(prompt=1, completion=1),
        versions={},
        weights_sha256="",
        metrics=TrainingMetrics(first_loss=9, loss=loss, eval_loss=None, steps=1, tokens_seen=1),
    )
    write_json(out / "provenance.json", provenance)


def _begin(step, folder):
    """Write down that a step began; end if the script says so, else return its exit code."""
    exit_code = json.loads((folder / "script.json").read_text()).get(step, 0)
    with (folder / "calls.jsonl").open("a") as file:
        print(json.dumps({"step": step, "arguments": sys.argv[1:]}), file=file)
    if exit_code == "sleep":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
        (folder / "asleep").touch()
        time.sleep(60)
    if exit_code not in (0, 3, 4, 5):
        sys.exit(exit_code)
    return exit_code


def _figure(value):
    return Interval(value=value, low=value - 1, high=value + 1)


def _evaluate(folder, subject):
    """The base scores 30, whoever was trained 60."""
    answered = {"requests": 1, "answers": 1, "errors": 0, "words_asked": 1.0, "volatility": None}
    none = dict.fromkeys(("num_words", "length_quality", "structural", "truncated"), _figure(1.0))
    measures = {
        name: SubjectMeasures(
            adapter=None,
            all=LengthMeasures(length_score=_figure(score), gain=None, **answered, **none),
            by={},
            generated_tokens=1,
        )
        for name, score in (("base", 30.0), (subject, 60.0))
    }
    suite = {"suite": "builtin", "suite_sha256": "", "requests": 1, "answers_each": 1}
    write_json(folder / "eval.json", Evaluation(subjects=measures, **suite))
    _write(folder / "answers" / f"{subject}.jsonl", "")


def _guard(folder, subject, exit_code):
    """Exit code 5 stands for a model that is beyond a limit."""
    drift = Drift(
        prompts=1,
        errors=0,
        kl=_figure(1.5),
        num_words=_figure(9.0),
        growth=None,
        truncated=_figure(0.0),
    )
    warnings = ("divergence from the base 1.50",) if exit_code == 5 else ()
    found = SubjectDrift(adapter=None, all=drift, by_kind={}, warnings=warnings)
    report = GuardReport(prompts="builtin", prompts_sha256="", subjects={subject: found})
    write_json(folder / "guard.json", report)
    _write(folder / "answers" / f"{subject}.jsonl", "")


def _exam(name, out, subject):
    exit_code = _begin(f"{name} {subject}", out.parent.parent)
    if name == "eval":
        _evaluate(out, subject)
    else:
        _guard(out, subject, exit_code)
    sys.exit(0)


def _play(step, folder, number, out):
    beside = out if step in ("run", "measure", "collect") else out.parent.parent.parent
    exit_code = _begin(f"{step} {number}", beside.parent)
    if step == "run":
        _run(folder, number, exit_code)
    elif step == "measure":
        _held_out(folder, 100 * number)
    elif step == "collect":
        write_json(folder / "manifest.json", Manifest(files=()))
    else:
        _train(out, number)
    sys.exit(exit_code if exit_code == 3 else 0)


def main():
    arguments = sys.argv[1:]
    out = Path(option(arguments, "--out"))
    if "collect" in arguments:
        _play("collect", out / "final", 1, out)
    for name in ("eval", "guard"):
        if name in arguments[:3]:
            subjects = [value for key, value in pairwise(arguments) if key == "--subject"]
            _exam(name, out, subjects[-1])
    if "synth" in arguments:
        number = int(option(arguments, "--iteration"))
        step = arguments[arguments.index("synth") + 1]
        _play(step, out / f"iteration-{number}", number, out)
    folder = out.parent.parent
    is_final = folder.name == "final"
    number = 1 if is_final else int(folder.name.removeprefix("iteration-"))
    _play(out.name, folder, number, out)


if __name__ == "__main__":
    main()
