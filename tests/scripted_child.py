"""Plays the processes of a loop: `synth run`, `synth measure`, `train sft`.

`script.json` beside the run directory maps steps ("run 2", "generator 1", "measure 3") to the exit
codes that they end with before they have written anything; "sleep" lets them wait for a signal.
"""

import json
import signal
import sys
import time
from pathlib import Path

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
    answer = {
        "num_words": num_words,
        "finish_reason": "stop",
        "reason": None,
        "generator": "base",
    }
    _write(folder / "held_out.jsonl", json.dumps(answer) + "\n")


def _run(folder, number, exit_code):
    if not (folder / "held_out.jsonl").exists():
        _held_out(folder, 100 * number)
    percentiles = {"p50": 200 * number, "p90": 300 * number}
    metrics = {
        "asked": 4,
        "samples": {"instructions": 3 if exit_code == 3 else 4, "records": 1},
        "num_words": {"initial": percentiles, "response": percentiles, "growth": {"p50": 2.5}},
        "acceptance": {
            "generate": {"requests": 4, "kept": 2},
            "extend_tail": {"requests": 4, "kept": 1},
        },
    }
    _write(folder / "metrics.json", metrics)
    if exit_code != 4:
        for role in ("generator", "extender"):
            _write(folder / "shards" / f"{role}-00000.jsonl", ROWS)
    _write(folder / "manifest.json", {})


def _train(out, number):
    loss = {"generator": 1.5, "extender": 2.5}[out.name] / number
    _write(out / "provenance.json", {"metrics": {"loss": loss}})


def _play(step, folder, number, out):
    beside = out if step in ("run", "measure") else out.parent.parent.parent
    script_file = beside.parent / "script.json"
    exit_code = json.loads(script_file.read_text()).get(f"{step} {number}", 0)
    with (beside.parent / "calls.jsonl").open("a") as file:
        print(json.dumps({"step": f"{step} {number}", "arguments": sys.argv[1:]}), file=file)
    if exit_code == "sleep":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
        (beside.parent / "asleep").touch()
        time.sleep(60)
    if exit_code not in (0, 3, 4):
        sys.exit(exit_code)
    if step == "run":
        _run(folder, number, exit_code)
    elif step == "measure":
        _held_out(folder, 100 * number)
    else:
        _train(out, number)
    sys.exit(exit_code if exit_code == 3 else 0)


def main():
    arguments = sys.argv[1:]
    out = Path(option(arguments, "--out"))
    if "synth" in arguments:
        number = int(option(arguments, "--iteration"))
        step = arguments[arguments.index("synth") + 1]
        _play(step, out / f"iteration-{number}", number, out)
    folder = out.parent.parent
    _play(out.name, folder, int(folder.name.removeprefix("iteration-")), out)


if __name__ == "__main__":
    main()
