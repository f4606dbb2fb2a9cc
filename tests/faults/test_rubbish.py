"""Hundreds of bad files for every reader: one line that says what is wrong, never a traceback."""

import os
import random
import subprocess
import sys

import pytest
from click.testing import CliRunner

from selflengthen.config_file import load_config
from selflengthen.errors import CommandError
from synth.__main__ import cli
from synth.config import RunConfig
from synth.engine.journal import CohortJournal
from synth.method.prompts.prompt_set import load_prompt_set
from synth.method.seeds.seed_file import load_held_out, load_seeds
from train.data.shard_reader import read_shards

pytestmark = pytest.mark.faults

GOOD = (
    b'{"instruction": "Write.", "text": "A text.", "prompt": [{"role": "user", "content": "Q"}],'
    b' "completion": [{"role": "assistant", "content": "A"}]}'
)
BAD_LINES = {
    "invalid UTF-8": b'{"instruction": "\xff\xfe", "text": "\xff"}',
    "NUL": b'{"instruction": "a\x00b"}',
    "only NUL": b"\x00" * 40,
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "deep nesting": b'{"instruction": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "less deep nesting": b'{"instruction": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "NaN": b'{"instruction": NaN}',
    "infinity": b'{"instruction": -Infinity}',
    "duplicate keys": b'{"instruction": "a", "instruction": "b"}',
    "inner duplicate keys": b'{"text": "a", "instruction": "a", "more": {"x": 1, "x": 2}}',
    "lone surrogate": b'{"instruction": "\\ud800", "text": "\\ud800"}',
    "raw surrogate": b'{"instruction": "\xed\xa0\x80"}',
    "number": b"42",
    "text": b'"instruction"',
    "list": b'["instruction"]',
    "null": b"null",
    "wrong type": b'{"instruction": 7, "text": 7, "prompt": "x", "completion": {}}',
    "null values": b'{"instruction": null, "text": null, "prompt": null, "completion": null}',
    "no keys": b"{}",
    "cut": GOOD[:-9],
    "two objects": GOOD + GOOD,
    "single quotes": GOOD.replace(b'"', b"'"),
    "trailing comma": GOOD[:-1] + b",}",
    "comment": b"// " + GOOD,
    "gzip": b"\x1f\x8b\x08\x00" + os.urandom(40).replace(b"\n", b""),
    "huge number": b'{"instruction": 1e999}',
    "control character": b'{"instruction": "a\x07b"}',
    "escape": b'{"instruction": "\\q"}',
    "long": b'{"instruction": 7, "text": 7, "x": "' + b"x" * (9 << 20) + b'"}',
}
BAD_ROWS = [
    b'{"prompt": [], "completion": []}',
    b'{"prompt": [{}], "completion": [{}]}',
    b'{"prompt": [{"role": "user"}], "completion": [{"role": "assistant", "content": "A"}]}',
    b'{"prompt": [{"role": "tool", "content": "x"}], "completion": []}',
    b'{"prompt": [{"role": "user", "content": ["x"]}], "completion": []}',
    GOOD.replace(b'"content": "A"', b'"content": " "'),
    GOOD.replace(b'"role": "assistant"', b'"role": "user"'),
]


def read_jsonl_with(reader):
    """Return what a reader says of a file, as (exit code, message)."""

    def read(path):
        try:
            reader(path)
        except CommandError as error:
            return error.exit_code, str(error)
        return 0, ""

    return read


def filter_file(path):
    result = CliRunner().invoke(cli, ["filter", str(path)])
    if isinstance(result.exception, CommandError):
        return result.exception.exit_code, str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stderr


READERS = {
    "seeds": read_jsonl_with(lambda path: load_seeds(str(path))),
    "held-out": read_jsonl_with(lambda path: load_held_out(str(path), 1)),
    "shards": read_jsonl_with(lambda path: read_shards([str(path)])),
    "filter": filter_file,
}


def mutilated(number):
    """Return a good file with something wrong in some place."""
    rng = random.Random(number)
    content = bytearray(b"\n".join([GOOD] * 3))
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(content))
        content[at : at + rng.randrange(3)] = rng.choice([b"\x00", b"\xff", b'"', b"{", b"\x1b"])
    return bytes(content)


def is_one_line_with_place(message, path):
    return "\n" not in message.strip() and str(path) in message


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_bad_line_is_named(tmp_path, reader, kind):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(GOOD + b"\n" + GOOD + b"\n" + BAD_LINES[kind] + b"\n" + GOOD + b"\n")
    code, message = READERS[reader](path)
    assert code == 2, message
    assert f"{path}:3: " in message
    assert "\n" not in message.strip()


@pytest.mark.parametrize("line", BAD_ROWS)
def test_a_bad_row_is_named(tmp_path, line):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(GOOD + b"\n" + line + b"\n")
    code, message = READERS["shards"](path)
    assert code == 2
    assert f"{path}:2: " in message


@pytest.mark.parametrize("reader", READERS)
def test_mutilated_files_are_refused_or_fine(tmp_path, reader, all_faults):
    for number in range(100 if all_faults else 20):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(mutilated(number))
        code, message = READERS[reader](path)
        assert (code == 0 and reader) or is_one_line_with_place(message, path), message


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["folder", "pipe", "missing", "NUL in the name"])
def test_what_is_no_file_is_refused(tmp_path, reader, kind):
    path = tmp_path / "bad.jsonl"
    if kind == "NUL in the name" and reader == "filter":
        pytest.skip("no argument of a process holds a NUL")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "NUL in the name":
        path = tmp_path / "a\0b.jsonl"
    code, message = READERS[reader](path)
    assert code == 2
    assert "\n" not in message.strip()
    assert message.strip()


@pytest.mark.parametrize("reader", ["seeds", "held-out", "shards"])
def test_an_empty_file_is_refused(tmp_path, reader):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"")
    code, message = READERS[reader](path)
    assert code == 2
    assert is_one_line_with_place(message, path)


@pytest.mark.parametrize("reader", READERS)
def test_crlf_is_fine(tmp_path, reader):
    path = tmp_path / "good.jsonl"
    path.write_bytes((GOOD + b"\r\n") * 3)
    assert READERS[reader](path)[0] == 0


BAD_CONFIGS = {
    "invalid UTF-8": b"seed: \xff",
    "NUL": b"seed: \x00",
    "tabs": b"\tseed: 1",
    "list": b"- 1",
    "empty": b"",
    "gzip": b"\x1f\x8b\x08\x00\x00",
    "large": b"# " + b"x" * (2 << 20),
    "nesting": b"seed: " + b"[" * 5000,
    "twice": b"seed: 1\nseed: 2",
    "tag": b"seed: !!python/object/apply:os.system ['true']",
    "aliases": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9))
        for name in range(ord("b"), ord("j"))
    )
    + b"seed: *i",
    "infinite": b"&a [*a]",
    "surrogate": b'seed: "\\ud800"',
    "complex key": b"? [1, 2]\n: 3",
}


@pytest.mark.parametrize("kind", BAD_CONFIGS)
def test_a_bad_configuration_is_one_line(tmp_path, kind):
    path = tmp_path / "config.yaml"
    path.write_bytes(BAD_CONFIGS[kind])
    with pytest.raises(CommandError) as caught:
        load_config(RunConfig, path)
    assert is_one_line_with_place(str(caught.value), path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("content", [b"\xff", b"{{ broken", b"x" * (2 << 20)])
def test_a_bad_prompt_set_is_one_line(tmp_path, content):
    for name in ("instruct.j2", "extend.j2", "judge.j2", "wording.yaml"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CommandError) as caught:
        load_prompt_set(str(tmp_path))
    assert is_one_line_with_place(str(caught.value), tmp_path)


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"42", b'{"id": "x"}', b'{"id": "x", "a": 1}', b"\0"]
)
def test_a_corrupt_journal_line_is_named(tmp_path, line):
    path = tmp_path / "cohort-00000.jsonl"
    path.write_bytes(line + b'\n{"id": "torn')
    with pytest.raises(
        CommandError, match=r"cohort-00000\.jsonl:1: no completion; delete the line"
    ):
        CohortJournal(path)


@pytest.mark.parametrize("command", [("synth", "filter"), ("train", "sft")])
def test_a_line_of_50_mb_takes_little_memory(tmp_path, command):
    path = tmp_path / "long.jsonl"
    path.write_bytes(b'{"text": "' + b"x" * 50_000_000 + b'"}\n')
    arguments = {
        "synth": [str(path)],
        "train": ["--config", "configs/train/cpu.yaml", "--data", str(path), "--out", "unused"],
    }[command[0]]
    measured = (
        "import runpy, sys\n"
        f"sys.argv[:] = {[command[0], command[1], *arguments]!r}\n"
        f"try: runpy.run_module({command[0]!r}, run_name='__main__')\n"
        "finally: print(*[line.split()[1] for line in open('/proc/self/status')"
        " if line.startswith('VmHWM')], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", measured], capture_output=True, text=True, check=False
    )
    message, peak_kib = done.stderr.splitlines()
    assert done.returncode == 2
    assert f"{path}:1: longer than 8 MiB" in message
    assert int(peak_kib) < 200_000
