"""`synth filter`: any JSONL, from a file or a pipe, in order."""

import json
import subprocess
import sys

import pytest

from command import synth
from golden_cases import GOLDEN


def lines_of(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parsed(stdout):
    return [json.loads(line) for line in stdout.splitlines()]


@pytest.mark.parametrize("variant", ["qwen", "llama"])
def test_the_reference_s_verdicts_come_out_in_order(variant):
    cases = GOLDEN["check_response"]
    code, stdout, _ = synth(
        "filter", "--profile", f"reference-{variant}", stdin=lines_of(cases), timeout_s=30
    )
    assert code == 0
    verdicts = parsed(stdout)
    assert [set(verdict) for verdict in verdicts] == [{"keep", "reason", "num_words"}] * len(cases)
    assert [(verdict["keep"], verdict["reason"]) for verdict in verdicts] == [
        (case[variant]["ok"], case[variant].get("reason")) for case in cases
    ]


def test_a_file_and_another_field(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines_of([{"response": "One two."}, {"response": "no end"}]))
    code, stdout, _ = synth("filter", "--field", "response", path)
    assert code == 0
    assert parsed(stdout) == [
        {"keep": True, "reason": None, "num_words": 2},
        {"keep": False, "reason": "incomplete_ending", "num_words": 2},
    ]


def test_a_row_s_instruction_tells_the_language():
    row = {"text": "Ein Satz.", "instruction": "写一篇文章。"}
    _, stdout, _ = synth("filter", stdin=lines_of([row]))
    assert parsed(stdout)[0]["reason"] == "language_drift"


BAD_LINES = [b"not json", b'{"other": "x"}', b'{"text": 5}', b"[1]", b"", b'{"text": "\xff"}']


@pytest.mark.parametrize("bad", BAD_LINES)
def test_a_bad_line_is_an_error_with_its_place(bad):
    lines = b"\n".join([b'{"text": "One."}', bad, b'{"text": "Two."}'])
    code, stdout, stderr = synth("filter", stdin=lines)
    assert code == 2
    assert stderr.count("\n") == 1
    assert "standard input:2: " in stderr
    assert len(parsed(stdout)) == 1


def test_bad_lines_can_be_skipped():
    lines = b"\n".join([b'{"text": "One."}', *BAD_LINES, b'{"text": "Two."}', b""])
    code, stdout, _ = synth("filter", "--skip-bad", stdin=lines)
    assert code == 0
    verdicts = parsed(stdout)
    assert [verdict["keep"] for verdict in verdicts] == [True, *[False] * len(BAD_LINES), True]
    assert verdicts[1] == {"keep": False, "reason": "bad_line", "num_words": 0}


@pytest.mark.parametrize("end", [b"\n", b"\n\n", b"\n \t\r\n\n"])
def test_empty_lines_at_the_end_are_no_lines(end):
    code, stdout, stderr = synth("filter", stdin=b'{"text": "One."}' + end)
    assert (code, stderr, len(parsed(stdout))) == (0, "", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "strict"], "use one of default, reference-"),
        (["--profile", "nowhere:Profile"], "filter: cannot import nowhere"),
        (["none.jsonl"], "cannot read"),
    ],
)
def test_bad_arguments(arguments, message):
    code, _, stderr = synth("filter", *arguments)
    assert (code, stderr.count("\n")) == (2, 1)
    assert message in stderr


def test_a_reader_that_stops_early_is_no_complaint():
    lines = lines_of([{"text": "One."}] * 20_000)
    command = f"{sys.executable} -m synth filter | head -n 1"
    done = subprocess.run(command, shell=True, input=lines, capture_output=True, check=False)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_verdicts_stream_while_lines_arrive():
    command = [sys.executable, "-m", "synth", "filter"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b'{"text": "One."}\n')
        process.stdin.flush()
        first = process.stdout.readline()
        process.stdin.close()
    assert json.loads(first)["keep"] is True
