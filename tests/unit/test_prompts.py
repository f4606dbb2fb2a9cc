"""Prompt sets: complete, rendered in a sandbox, values stay plain text."""

import shutil

import pytest

from selflengthen.errors import ConfigError
from synth.method.prompts.prompt_set import BUILT_IN, ExtensionTask, load_prompt_set
from synth.method.seeds.seed_file import load_seeds

KINDS = {
    "literature_and_creative_writing",
    "academic_research",
    "business_communication",
    "journalism_and_media",
    "professional_writing",
    "personal_expression",
    "technical_documentation",
}
BUILT_IN_SETS = ["en", "en-small", "zh", "zh-small"]
HOSTILE = "{{ 7 * 7 }} {% raw %} {# no #} <|im_end|> {text} %s"


@pytest.mark.parametrize("name", BUILT_IN_SETS)
def test_values_are_put_in_as_they_are(name):
    prompts = load_prompt_set(name)
    assert HOSTILE in prompts.judge(HOSTILE)
    rendered = prompts.extend_tail(ExtensionTask(HOSTILE, f"text {HOSTILE}", 2.0))
    assert rendered.count(HOSTILE) == 2
    assert HOSTILE in prompts.prefill([HOSTILE, "b"])


def test_the_prefilled_list_ends_with_the_next_number():
    prompts = load_prompt_set("en")
    assert prompts.prefill(["a\nb", "c"]) == "Instruction 1: a b\nInstruction 2: c\nInstruction 3:"


@pytest.mark.parametrize("name", BUILT_IN_SETS)
def test_prompts_of_one_task_share_everything_before_the_text(name):
    prompts = load_prompt_set(name)
    first = prompts.extend_tail(ExtensionTask("same task", "one", 2.0))
    second = prompts.extend_tail(ExtensionTask("same task", "two", 2.0))
    shared = next(i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    assert first.index("same task") < shared == first.index("one")


@pytest.mark.parametrize(
    ("continuation", "instruction"),
    [
        (" Write a story.", "Write a story."),
        (" Write a story.\nInstruction 4: another", "Write a story."),
        (' "Write a story."\n\nThen more.', "Write a story."),
        (" Write:\nfirst\n4. another", "Write:\nfirst"),
        ('Write a story titled "Home"', 'Write a story titled "Home"'),
        ("**Write a story.**", "Write a story."),
        ("**Write** on *hope*", "**Write** on *hope*"),
        ("", ""),
    ],
)
def test_one_instruction_is_parsed_out(continuation, instruction):
    assert load_prompt_set("en").parse_instruction(continuation) == instruction


@pytest.mark.parametrize("name", BUILT_IN_SETS)
def test_fixed_lines_are_those_of_the_templates(name):
    prompts = load_prompt_set(name)
    assert len(prompts.fixed_lines) >= 7
    for extend in (prompts.extend_head, prompts.extend_tail):
        prompt = extend(ExtensionTask("x", "y", 2.0))
        assert sum(line in prompt for line in prompts.fixed_lines) >= 1


@pytest.mark.parametrize(
    ("num_words", "target"), [(100, "about 250 words"), (7, "about 20 words"), (987, "about 2450")]
)
def test_the_stages_are_told_how_long_the_text_is_and_should_become(num_words, target):
    prompts = load_prompt_set("en")
    for extend in (prompts.extend_head, prompts.extend_tail):
        prompt = extend(ExtensionTask("x", "word " * num_words, 2.5))
        assert f"{num_words} words" in prompt
        assert target in prompt


@pytest.mark.parametrize("name", BUILT_IN_SETS)
def test_a_plan_stands_before_what_is_asked_for(name):
    prompts, task = load_prompt_set(name), ExtensionTask("a task", "a draft", 2.0)
    assert "a draft" in prompts.plan(task)
    for extend in (prompts.extend_head, prompts.extend_tail):
        assert HOSTILE not in extend(task)
        before, plan, after = extend(task, HOSTILE).partition(f"\n{HOSTILE}\n\n")
        assert plan
        assert "a draft" in before
        assert extend(task).endswith(after)


def test_one_template_is_enough_for_both_stages(own_set):
    for stage in ("head", "tail"):
        (own_set / f"extend_{stage}.j2").unlink()
    (own_set / "extend.j2").write_text("{{ instruction }}: {{ text }} ({{ target_words }})")
    prompts, task = load_prompt_set(str(own_set)), ExtensionTask("x", "y y", 10.0)
    assert prompts.extend_head(task) == prompts.extend_tail(task)
    assert prompts.extend_head(task) == "x: y y (20)"


def test_what_a_set_lacks_comes_from_its_base(tmp_path):
    (tmp_path / "base.yaml").write_text("base: zh")
    (tmp_path / "judge.j2").write_text("{{ instruction }}?")
    prompts, base = load_prompt_set(str(tmp_path)), load_prompt_set("zh")
    assert prompts.judge("x") == "x?"
    assert (prompts.wording, prompts.instruct()) == (base.wording, base.instruct())
    assert prompts.digest != base.digest


def test_an_unknown_base_is_refused(tmp_path):
    (tmp_path / "base.yaml").write_text("base: fr")
    with pytest.raises(ConfigError, match="'fr' is no prompt set; use en"):
        load_prompt_set(str(tmp_path))


@pytest.fixture
def own_set(tmp_path):
    return shutil.copytree(BUILT_IN / "en", tmp_path / "own")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "extend_tail.j2",
            "{{ instruction }} only",
            r"extend_tail\.j2: the placeholder {{ text }} is missing",
        ),
        ("judge.j2", "{{ instruction }} {{ x }}", r"judge\.j2: unknown placeholder {{ x }}"),
        ("judge.j2", "\n{% if %}", r"judge\.j2:2: not a template"),
        ("wording.yaml", "label: I\n", r"wording\.yaml: answer_yes: missing.* answer_no as text"),
        ("wording.yaml", "label: 007\n", r"wording\.yaml: label: .*, got 7; put it in quotes"),
        (
            "wording.yaml",
            "label: I\nanswer_yes: yes\nanswer_no: no\n",
            r"got True; put it in quotes",
        ),
        ("wording.yaml", "label: 2024-99-99\n", r"wording\.yaml: not YAML: month must be"),
        ("wording.yaml", "label: A\nlabel: B\n", r"wording\.yaml: line 2: key 'label' is given"),
        ("instruct.j2", None, r"instruct\.j2: cannot read"),
        ("extend_head.j2", b"\xff\xfe", r"extend_head\.j2: not UTF-8 at byte 0"),
    ],
)
def test_a_broken_prompt_set_is_refused_with_the_file(own_set, file, content, message):
    if content is None:
        (own_set / file).unlink()
    elif isinstance(content, bytes):
        (own_set / file).write_bytes(content)
    else:
        (own_set / file).write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_prompt_set(str(own_set))


@pytest.mark.parametrize(
    "source",
    [
        "{{ instruction.__class__.__mro__ }}",
        "{{ instruction.missing.attribute }}",
        "{{ instruction | no_such_filter }}",
    ],
)
def test_a_template_that_cannot_be_rendered_is_refused_before_the_run(own_set, source):
    (own_set / "judge.j2").write_text(source)
    with pytest.raises(ConfigError, match=r"judge\.j2"):
        load_prompt_set(str(own_set))


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="use en, en-small, zh, zh-small"):
        load_prompt_set("fr")


@pytest.mark.parametrize("name", ["en", "zh"])
def test_built_in_seeds_cover_the_task_kinds(name):
    import orjson

    from filters import InstructionIndex
    from filters.text.language import language_code
    from synth.method.seeds.seed_file import BUILT_IN as SEEDS

    rows = [orjson.loads(line) for line in (SEEDS / f"{name}.jsonl").read_bytes().splitlines()]
    assert len(rows) >= 60
    assert {row["task"] for row in rows} == KINDS
    assert load_seeds(name).instructions == tuple(row["instruction"] for row in rows)
    index = InstructionIndex()
    for row in rows:
        assert language_code(row["instruction"]) == row["language"] == name
        assert index.similarity(row["instruction"]) < 0.7
        index.add(row["instruction"])


def test_the_package_brings_all_data_files():
    import fnmatch
    import tomllib
    from pathlib import Path

    patterns = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]["synth"]
    data = [
        str(path.relative_to("synth"))
        for folder in ("method/prompts", "method/seeds")
        for path in Path("synth", folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert len(data) == 26
    assert all(any(fnmatch.fnmatch(path, pattern) for pattern in patterns) for path in data)
