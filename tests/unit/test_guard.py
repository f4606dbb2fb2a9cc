"""`synth guard`: how far adapters are from the base in ordinary use."""

import asyncio
import json
import random

import pytest

from bare_adapter import write_adapter
from command import synth
from filters.measures import bootstrap_ratio
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import small_config
from selflengthen.contract.exam.guard_report import GuardReport
from selflengthen.errors import ConfigError, DirectoryError
from selflengthen.files.json_file import read_as
from selflengthen.process.own_modules import ROOT
from synth.display.guard import guard_tables
from synth.engine.base import Completion, FinishReason
from synth.eval.directory import ExamDirectory
from synth.eval.known_tasks import check_tasks, run_tasks
from synth.eval.prepare import prepare_guard
from synth.eval.short_prompts import load_prompts
from synth.eval_config import GuardConfig

PROMPTS = [
    {"prompt": "What is two and two?", "kind": "arithmetic"},
    {"prompt": "Name a river.", "kind": "facts"},
    {"prompt": "写一句问候。", "kind": "conversation"},
]
OWN, OTHER = -0.5, -0.75
"""Log probabilities of a token, by the adapter and by the base."""


class ScoringEngine(ScriptedEngine):
    """Tells how likely an answer is: as many tokens as words, each the same."""

    async def generate(self, request, new_watch=None):
        if not request.is_scored:
            return await super().generate(request, new_watch)
        self.requests.append(request)
        number = len(request.prefill.split())
        each = OWN if request.adapter else OTHER
        return Completion(
            *("", FinishReason.STOP, 1, 0, 1),
            log_probability=each * number,
            num_scored_tokens=number,
        )


def talkative(request):
    """The adapter says thrice as much as the base."""
    number = 6 if request.adapter else 2
    return Answer(" ".join(["word"] * number))


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PROMPTS))
    return path


def guard_on(folder, config, engine, names):
    sitting = prepare_guard(config, names, None, ExamDirectory(folder))
    with sitting.directory.locked():
        sitting.directory.claim(sitting.resolved)
        return asyncio.run(sitting.run_on(engine))


def settings(prompts, **changes):
    return small_config(guard={"prompts": str(prompts), **changes})


def test_an_adapter_is_compared_with_the_base(prompts, tmp_path):
    name = f"mine={write_adapter(tmp_path / 'adapter')}"
    engine = ScoringEngine(talkative)
    report = guard_on(tmp_path / "guard", settings(prompts, max_kl=0.2), engine, [name])
    assert report == read_as(GuardReport, tmp_path / "guard" / "guard.json", "")
    base, mine = report.subjects["base"], report.subjects["mine"]
    assert base.all.kl is None
    assert base.all.growth is None
    assert base.warnings == ()
    assert mine.all.kl.value == pytest.approx(OWN - OTHER)
    assert mine.all.growth.value == 3
    assert mine.all.num_words.value == 6
    assert set(mine.by_kind) == {"arithmetic", "facts", "conversation"}
    assert mine.warnings == (
        "divergence from the base 0.25 (0.25 to 0.25), above guard.max_kl 0.2",
        "answers to short prompts 3.00 (3.00 to 3.00) times as long as the base's, above "
        "guard.max_growth 2.0",
    )
    subjects, kinds = guard_tables(report)
    assert (subjects.row_count, kinds.row_count) == (2, 3)
    scored = [request for request in engine.requests if request.is_scored]
    assert len(scored) == 2 * len(PROMPTS)
    assert sum(request.adapter is None for request in scored) == len(PROMPTS)


def test_limits_may_change_and_settings_may_not(prompts, tmp_path):
    name = f"mine={write_adapter(tmp_path / 'adapter')}"
    guard_on(tmp_path / "guard", settings(prompts), ScoringEngine(talkative), [name])
    eased = settings(prompts, max_kl=None, max_growth=None)
    report = guard_on(tmp_path / "guard", eased, None, [name])
    assert report.subjects["mine"].warnings == ()
    with pytest.raises(DirectoryError, match=r"guard.max_completion_tokens 256 -> 16"):
        prepare_guard(
            settings(prompts, max_completion_tokens=16), [], None, ExamDirectory(tmp_path / "guard")
        )


def test_what_failed_or_is_empty_is_not_scored(prompts, tmp_path):
    def silent(request):
        if "river" in request.user:
            return Answer("", FinishReason.ERROR)
        return Answer("") if "two" in request.user else talkative(request)

    name = f"mine={write_adapter(tmp_path / 'adapter')}"
    engine = ScoringEngine(silent)
    mine = guard_on(tmp_path / "guard", settings(prompts), engine, [name]).subjects["mine"].all
    assert (mine.prompts, mine.errors) == (3, 1)
    assert sum(request.is_scored for request in engine.requests) == 2
    assert mine.kl.value == pytest.approx(OWN - OTHER)


def test_prompts_that_the_base_failed_at_are_not_compared(prompts, tmp_path):
    def failing(request):
        is_hard = "river" in request.user and request.adapter is None
        return Answer("", FinishReason.ERROR) if is_hard else talkative(request)

    name = f"mine={write_adapter(tmp_path / 'adapter')}"
    engine = ScoringEngine(failing)
    report = guard_on(tmp_path / "guard", settings(prompts), engine, [name])
    assert report.subjects["base"].all.errors == 1
    assert report.subjects["mine"].all.growth.value == 3


def test_the_built_in_prompts_are_short_and_of_all_kinds():
    found = load_prompts(GuardConfig()).prompts
    assert len({prompt.text for prompt in found}) == len(found) == 200
    assert max(len(prompt.text.split()) for prompt in found) <= 60
    kinds = {"arithmetic", "facts", "formats", "code", "translation", "refusals", "conversation"}
    assert {prompt.kind for prompt in found[:20]} == kinds
    assert {prompt.language for prompt in found[:20]} == {"en", "zh"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_prompts": 4}, "guard.num_prompts: 4, but "),
        ({"prompts": "nowhere.jsonl"}, "guard.prompts: cannot read 'nowhere.jsonl'"),
    ],
)
def test_bad_prompts_are_one_line(prompts, changes, message):
    with pytest.raises(ConfigError) as caught:
        load_prompts(GuardConfig(**{"prompts": str(prompts), **changes}))
    assert str(caught.value).startswith(message)


def test_a_line_without_a_prompt_is_named(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "Hi."}\n{"query": "Hi."}\n')
    with pytest.raises(ConfigError, match=r'prompts.jsonl:2: no "prompt"; write'):
        load_prompts(GuardConfig(prompts=str(path)))


def test_servers_are_refused():
    code, _, errors = synth(
        *("guard", "--config", ROOT / "configs" / "cpu.yaml", "--out", "nowhere"),
        *("-o", "engine.kind=server", "-o", "engine.urls=[http://127.0.0.1:1]"),
    )
    assert code == 2
    assert errors.startswith("error: engine.kind: server; synth guard needs log probabilities")


def test_a_ratio_s_interval_is_about_its_spread():
    rng = random.Random(3)
    bottoms = [rng.uniform(1, 10) for _ in range(100)]
    found = bootstrap_ratio([2 * bottom + rng.gauss(0, 1) for bottom in bottoms], bottoms)
    assert found.low < 2 < found.high
    assert found.high - found.low < 0.2
    assert bootstrap_ratio([1, 3], [2, 2]).value == 1


LM_EVAL = """
import json, os, sys
from pathlib import Path

arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if arguments["--tasks"] == "nonsense":
    sys.exit("Tasks not found: nonsense")
with open(os.environ["CALLS"], "a") as file:
    print(json.dumps(arguments), file=file)
accuracy = 0.25 if "peft=" in arguments["--model_args"] else 0.5
values = {"alias": "sums", "acc,none": accuracy, "acc_stderr,none": 0.01, "sample_len": 49}
out = Path(arguments["--output_path"]) / "model"
out.mkdir(parents=True)
(out / "results_now.json").write_text(json.dumps({"results": {"sums": values}}))
"""


@pytest.fixture
def lm_eval(tmp_path, monkeypatch):
    """Stand in for lm-eval; return what lists its calls."""
    package = tmp_path / "packages" / "lm_eval"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(LM_EVAL)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.syspath_prepend(str(package.parent))
    log = tmp_path / "calls.jsonl"
    monkeypatch.setenv("CALLS", str(log))
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


def tasks_on(folder, config, subjects):
    check_tasks(config.guard)
    run_tasks(subjects, config.guard, config.model, folder)


def test_tasks_are_done_once_by_the_base_and_every_adapter(prompts, tmp_path, lm_eval):
    name, out = f"mine={write_adapter(tmp_path / 'adapter')}", tmp_path / "guard"
    config = settings(prompts, tasks=["sums"], tasks_limit=5)
    sitting = prepare_guard(config, [name], None, ExamDirectory(out))
    for _ in range(2):
        tasks_on(out, config, sitting.subjects)
    base, mine = lm_eval()
    assert base["--limit"] == mine["--limit"] == "5"
    assert base["--model_args"] == "pretrained=scripted,dtype=auto"
    assert f"peft={tmp_path / 'adapter'}" in mine["--model_args"]
    report = guard_on(out, config, ScoringEngine(talkative), [name])
    metrics = {name: found.tasks["sums"].metrics for name, found in report.subjects.items()}
    assert metrics["base"] == {"acc,none": 0.5, "acc_stderr,none": 0.01}
    assert metrics["mine"]["acc,none"] == 0.25
    *_, table = guard_tables(report)
    assert table.row_count == 2
    with pytest.raises(DirectoryError, match="of other tasks or another adapter; delete it"):
        tasks_on(out, settings(prompts, tasks=["sums"]), sitting.subjects)


def test_what_lm_eval_refuses_is_one_line(prompts, tmp_path, lm_eval):
    config = settings(prompts, tasks=["nonsense"])
    sitting = prepare_guard(config, [], None, ExamDirectory(tmp_path / "guard"))
    with pytest.raises(ConfigError, match=r"guard.tasks: lm-eval: Tasks not found: nonsense; its"):
        tasks_on(tmp_path / "guard", config, sitting.subjects)


def test_without_lm_eval_tasks_are_refused(prompts, tmp_path, monkeypatch):
    monkeypatch.setattr("selflengthen.packages.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"guard.tasks: lm_eval is not installed; pip install"):
        prepare_guard(
            settings(prompts, tasks=["sums"]), [], None, ExamDirectory(tmp_path / "guard")
        )


def test_a_folder_of_tasks_must_be_there(prompts, lm_eval):
    with pytest.raises(ConfigError, match=r"guard\.tasks_path: no folder 'nowhere'"):
        check_tasks(settings(prompts, tasks=["sums"], tasks_path="nowhere").guard)
