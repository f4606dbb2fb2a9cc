"""The examples of docs/extending.md run as they are, and break as the page says."""

import json
import re
from pathlib import Path

import pytest

from command import synth
from own_code import BASE, BLOCKS, run_own_code, write_own_code


@pytest.fixture
def folder(tmp_path):
    return write_own_code(tmp_path)


def test_every_example_works_in_one_run(folder):
    assert len(BLOCKS) == 6
    code, stdout, stderr = run_own_code(folder)
    assert (code, stderr) == (0, ""), stderr
    assert "complete" in stdout
    iteration = folder / "out" / "iteration-1"
    records = [
        json.loads(line)
        for path in sorted((iteration / "records").iterdir())
        for line in path.read_bytes().splitlines()
    ]
    assert records
    written = (iteration / "shards" / "generator.txt").read_text("utf-8")
    assert all(record["response"] in written for record in records)
    manifest = json.loads((iteration / "manifest.json").read_bytes())
    assert "shards/generator.txt" in [row["path"] for row in manifest["files"]]
    inputs = json.loads((folder / "out" / "config.json").read_bytes())["inputs"]
    assert set(inputs["own_code_sha256"]) == {
        f"my_code:{name}" for name in ("Engine", "score", "no_lists", "NoHtml", "write")
    }


def test_a_scorer_does_not_hold_the_engine_up(folder):
    source = folder / "my_code.py"
    off = "import threading\n    assert threading.current_thread() is not threading.main_thread()\n"
    found = "def score(text, instruction):\n    "
    assert found in source.read_text("utf-8")
    source.write_text(source.read_text("utf-8").replace(found, f"{found}{off}    "), "utf-8")
    code, _, stderr = run_own_code(folder)
    assert code == 0, stderr


def test_a_profile_of_one_s_own_judges(folder):
    code, _, stderr = run_own_code(folder, filter="my_code:Profile")
    assert (code, stderr) == (0, "")
    record = next((folder / "out" / "iteration-1" / "records").iterdir()).read_bytes().splitlines()
    assert json.loads(record[0])["profile"] == "my_code:Profile"


def test_another_source_is_another_run(folder):
    assert run_own_code(folder)[0] == 0
    source = folder / "my_code.py"
    source.write_text(source.read_text("utf-8") + "\n# changed\n", "utf-8")
    code, _, stderr = run_own_code(folder)
    assert (code, stderr.count("\n")) == (2, 1)
    assert "inputs.own_code_sha256.my_code:Engine" in stderr


@pytest.mark.parametrize("line", ["return text.strip()", "return None"])
def test_a_profile_that_fails_is_one_line(folder, line):
    source = folder / "my_code.py"
    source.write_text(source.read_text("utf-8").replace(line, "return 1 / 0"))
    code, _, stderr = run_own_code(folder, filter="my_code:Profile")
    assert (code, stderr.count("\n")) in {(1, 1), (2, 1)}, stderr
    assert "my_code:Profile: ZeroDivisionError" in stderr


def test_a_rule_that_fails_is_one_line_with_its_place(folder):
    source = folder / "my_code.py"
    source.write_text(source.read_text("utf-8").replace("lines = [line", "lines = [1 / 0", 1))
    code, _, stderr = run_own_code(folder)
    assert (code, stderr.count("\n")) == (1, 1), stderr
    assert "my_code:no_lists: ZeroDivisionError: division by zero" in stderr
    assert "my_code.py:2" in stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filter": {"rules": ["my_code:nothing"]}}, "filter.rules: my_code has no 'nothing'"),
        ({"filter": {"rules": ["nowhere:rule"]}}, "filter.rules: cannot import nowhere"),
        ({"filter": {"rules": ["no lists"]}}, "filter.rules: 'no lists' is no reference; give"),
        ({"filter": {"rules": ["my_code:SYLLABLES"]}}, "my_code:SYLLABLES is no function"),
        ({"engine": BASE["engine"] | {"kind": "my_code:score"}}, "has no method generate"),
        ({"engine": BASE["engine"] | {"kind": "tgi"}}, "use `vllm`, `server` or package.module"),
        ({"length_sampling": {"scorer": "my_code:x"}}, "length_sampling.scorer: my_code has no"),
        ({"output": {"writers": ["my_code:x"]}}, "output.writers: my_code has no 'x'"),
    ],
)
def test_a_reference_that_names_nothing_is_one_line(folder, changes, message):
    code, stdout, stderr = run_own_code(folder, **changes)
    assert (code, stdout, stderr.count("\n")) == (2, "", 1), stderr
    assert message in stderr
    assert not (folder / "out").exists()


def test_a_profile_of_one_s_own_judges_any_lines(folder):
    lines = b'{"text": "One."}\n{"text": "Two"}\n'
    code, stdout, stderr = synth("filter", "--profile", "my_code:Profile", stdin=lines, cwd=folder)
    assert (code, stderr) == (0, "")
    assert [json.loads(line)["reason"] for line in stdout.splitlines()] == [None, "no_full_stop"]


@pytest.mark.parametrize("name", ["no_lists", "NoHtml", "Profile"])
def test_the_examples_pass_the_check(folder, name):
    code, stdout, stderr = synth("check-plugin", f"my_code:{name}", cwd=folder)
    assert (code, stderr) == (0, "")
    assert re.fullmatch(rf"my_code:{name}: fine on \d{{3,}} texts\n", stdout)


BROKEN = {
    "hasty": (
        "class hasty:\n"
        "    def judge(self, text, known):\n"
        "        return 'short' if len(text) < 50 else None\n"
        "    def sign(self, known):\n"
        "        return lambda growing: 'short' if len(growing.text) < 50 else None\n",
        "its sign condemns ('short') what its judge keeps",
    ),
    "wordy": ("def wordy(text, known):\n    return 'Not good!'\n", "judge returns 'Not good!'"),
    "fickle": (
        "n = iter(range(9**9))\n"
        "def fickle(text, known):\n"
        "    return 'odd' if next(n) % 2 else None\n",
        "answers differently",
    ),
    "failing": (
        "def failing(text, known):\n    return text[10**9]\n",
        "my_code:failing: IndexError: string index out of range",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_that_breaks_a_promise_is_refused(tmp_path, name):
    source, message = BROKEN[name]
    (tmp_path / "my_code.py").write_text(source)
    code, stdout, stderr = synth("check-plugin", f"my_code:{name}", cwd=tmp_path)
    assert (code, stdout, stderr.count("\n")) == (2, "", 1), stderr
    assert message in stderr


def test_texts_of_one_s_own_are_tried(folder):
    (folder / "texts.jsonl").write_text('{"body": "One."}\n{"body": "Two."}\n')
    command = ("check-plugin", "my_code:no_lists", "--texts", "texts.jsonl")
    assert synth(*command, "--field", "body", cwd=folder)[1].endswith("fine on 2 texts\n")
    code, _, stderr = synth(*command, cwd=folder)
    assert (code, stderr.count("\n")) == (2, 1)
    assert 'texts.jsonl:1: no text field "text"' in stderr


def test_a_module_of_the_working_directory_does_not_take_the_place_of_ours(folder):
    for name in ("filters", "train", "selflengthen"):
        Path(folder, f"{name}.py").write_text("raise RuntimeError('not ours')\n")
    assert run_own_code(folder)[0] == 0
