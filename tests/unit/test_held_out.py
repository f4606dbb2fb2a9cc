"""The held-out measure: the same instructions for every Generator, never trained on."""

import asyncio
import io
import json

import orjson
import pytest
from rich.console import Console

from bare_adapter import write_adapter
from command import synth
from filters import InstructionIndex
from filters.near_duplicate import MAX_SIMILARITY
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import run_scripted, small_config
from selflengthen.contract.base import TokenCounts
from selflengthen.contract.held_out import HeldOutAnswer
from selflengthen.errors import ConfigError, CorruptFileError
from synth.engine.base import FinishReason
from synth.engine.errors import EngineError
from synth.method.books.measure import summarize_held_out
from synth.method.registry import InstructionRegistry
from synth.method.seeds.seed_file import BUILT_IN, load_held_out, load_seeds
from synth.method.stages import Stage
from synth.run.directory import RunDirectory
from synth.run.measure import measure_with_engine
from synth.run.prepare import prepare
from synth.run.status import print_status
from writer import write

KEYS = [
    "id",
    "instruction",
    "response",
    "num_words",
    "finish_reason",
    "reason",
    "tokens",
    "generator",
]


def answer_well(request):
    if request.kind is Stage.HELD_OUT:
        return Answer("One two three four five.")
    return write(request)


def measured(requests):
    return [request for request in requests if request.kind is Stage.HELD_OUT]


def metrics_of(files):
    return orjson.loads(files.metrics.read_bytes())


def second_iteration(folder, **changes):
    """Run iteration 1, put adapters there, and prepare iteration 2."""
    run_scripted(folder, small_config(**changes))
    for role in ("generator", "extender"):
        write_adapter(folder / "iteration-1" / "adapters" / role)
    return prepare(small_config(**changes), 2, RunDirectory(folder))


def measure(run, engine):
    console = Console(file=io.StringIO())
    return asyncio.run(measure_with_engine(run, engine, console))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_shipped_instructions_resemble_no_seed_and_not_each_other(language):
    held_out = load_held_out(language, 16).instructions
    index = InstructionIndex(load_seeds(language).instructions, min_similarity=MAX_SIMILARITY / 2)
    assert len(held_out) == 16
    for instruction in held_out:
        assert index.similarity(instruction) == 0.0
        index.add(instruction)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_shipped_instructions_are_of_all_seven_kinds(language):
    def kinds(path):
        return [json.loads(line)["task"] for line in path.read_bytes().splitlines()]

    seeds = set(kinds(BUILT_IN / f"{language}.jsonl"))
    assert len(seeds) == 7
    assert set(kinds(BUILT_IN / "held_out" / f"{language}.jsonl")[:7]) == seeds


def test_a_run_answers_every_instruction_once_with_the_base_model(tmp_path):
    engine = ScriptedEngine(answer_well)
    files, _ = run_scripted(tmp_path, engine=engine)
    answers = files.read_held_out()
    assert [answer.instruction for answer in answers] == list(load_held_out("en", 4).instructions)
    for answer in answers:
        assert list(answer.to_row()) == [*KEYS, "schema_version"]
        assert (answer.generator, answer.num_words) == ("base", 5)
        assert (answer.response, answer.finish_reason) == ("One two three four five.", "stop")
        assert answer.tokens.generated == 5
    asked = measured(engine.requests)
    assert len(asked) == 4
    assert {request.adapter for request in asked} == {None}


def test_every_instruction_is_answered_as_often_as_configured(tmp_path):
    engine = ScriptedEngine(answer_well)
    config = small_config(held_out={"num_instructions": 2, "answers": 3})
    files, _ = run_scripted(tmp_path, config, engine)
    answers = files.read_held_out()
    first, second = load_held_out("en", 2).instructions
    assert [answer.instruction for answer in answers] == [first] * 3 + [second] * 3
    assert len({answer.id for answer in answers}) == 6
    assert len({request.decoding.seed for request in measured(engine.requests)}) == 6
    assert metrics_of(files)["held_out"]["num_answers"] == 6


def test_the_measure_shares_the_engine_with_the_pipeline(tmp_path):
    engine = ScriptedEngine(answer_well, concurrency=16)
    run_scripted(tmp_path, engine=engine)
    first = [request.kind for request in engine.requests[:16]]
    assert first.count(Stage.HELD_OUT) == 4
    assert first.count(Stage.EXPAND) > 0


def test_the_decoding_is_that_of_initial_responses(tmp_path):
    engine = ScriptedEngine(answer_well)
    config = small_config(
        generate={"responses": 1, "decoding": {"temperature": 0.9}, "max_completion_tokens": 77}
    )
    run_scripted(tmp_path, config, engine)
    for request in measured(engine.requests):
        assert request.decoding.sampling.temperature == 0.9
        assert request.decoding.max_completion_tokens == 77


def test_the_measure_may_have_a_decoding_of_its_own(tmp_path):
    engine = ScriptedEngine(answer_well)
    config = small_config(
        generate={"responses": 1, "decoding": {"temperature": 0.9}, "max_completion_tokens": 77},
        held_out={"num_instructions": 2, "decoding": {"temperature": 0.0}},
    )
    run_scripted(tmp_path, config, engine)
    temperatures = {stage: set() for stage in Stage}
    for request in engine.requests:
        temperatures[request.kind].add(request.decoding.sampling.temperature)
    assert temperatures[Stage.HELD_OUT] == {0.0}
    assert temperatures[Stage.GENERATE] == {0.9}


def test_an_answer_may_be_longer_than_an_initial_response(tmp_path):
    engine = ScriptedEngine(answer_well)
    config = small_config(held_out={"num_instructions": 2, "max_completion_tokens": 999})
    run_scripted(tmp_path, config, engine)
    limits = [request.decoding.max_completion_tokens for request in measured(engine.requests)]
    assert limits == [999, 999]


def test_the_ledger_books_every_answer_and_adds_up(tmp_path):
    engine = ScriptedEngine(answer_well)
    files, _ = run_scripted(tmp_path, engine=engine)
    metrics = metrics_of(files)
    rows = [row for row in metrics["ledger"] if row["stage"] == "held_out"]
    assert [(row["outcome"], row["requests"], row["generated"]) for row in rows] == [
        ("measured", 4, 20)
    ]
    assert sum(row["requests"] for row in metrics["ledger"]) == len(engine.requests)
    tokens = metrics["tokens"]
    parts = ("kept", "rejected", "aborted", "measured", "speculative")
    assert tokens["generated"] == sum(tokens[part] for part in parts)


def test_metrics_sum_the_answers_up(tmp_path):
    files, _ = run_scripted(tmp_path, engine=ScriptedEngine(answer_well))
    assert metrics_of(files)["held_out"] == {
        "generator": "base",
        "num_answers": 4,
        "truncated": 0,
        "passed": 4,
        "errors": 0,
        "num_words": {"mean": 5.0, "p10": 5, "p50": 5, "p90": 5, "p100": 5},
    }


def test_truncated_and_failed_answers_are_counted(tmp_path):
    ends = [FinishReason.LENGTH, FinishReason.ERROR, FinishReason.STOP, FinishReason.STOP]

    def answer(request):
        if request.kind is Stage.HELD_OUT:
            return Answer("word " * (request.affinity + 1), ends[request.affinity])
        return write(request)

    files, _ = run_scripted(tmp_path, engine=ScriptedEngine(answer))
    held_out = metrics_of(files)["held_out"]
    assert (held_out["num_answers"], held_out["truncated"], held_out["errors"]) == (3, 1, 1)
    assert (held_out["num_words"]["mean"], held_out["num_words"]["p50"]) == (2.7, 3)
    outcomes = {
        row["outcome"]: row["requests"]
        for row in metrics_of(files)["ledger"]
        if row["stage"] == "held_out"
    }
    assert outcomes == {"measured": 3, "error": 1}


def test_the_filter_judges_the_answers_and_drops_none(tmp_path):
    texts = [
        Answer("One two three four five."),
        Answer("One two three four five.", FinishReason.LENGTH),
        Answer("One two three four five"),
    ]

    def answer(request):
        return texts[request.affinity] if request.kind is Stage.HELD_OUT else write(request)

    config = small_config(held_out={"num_instructions": 3})
    files, _ = run_scripted(tmp_path, config, ScriptedEngine(answer))
    reasons = [answer.reason for answer in files.read_held_out()]
    assert reasons == [None, "truncated", "incomplete_ending"]
    assert metrics_of(files)["held_out"]["passed"] == 1


def test_answers_that_all_failed_have_no_length():
    failed = HeldOutAnswer(
        id="1",
        instruction="Write.",
        response="",
        num_words=0,
        finish_reason="error",
        reason="engine_error",
        tokens=TokenCounts(prompt=1, cached=0, generated=0),
        generator="base",
    )
    summary = summarize_held_out([failed])
    assert (summary.num_answers, summary.errors, summary.num_words) == (0, 1, {})


def test_answers_on_disk_are_not_asked_for_again(tmp_path):
    config, whole = small_config(), ScriptedEngine(answer_well)
    files, _ = run_scripted(tmp_path / "whole", config, whole)
    with pytest.raises(EngineError):
        run_scripted(tmp_path / "cut", config, ScriptedEngine(answer_well, dies_after=150))
    kept = (tmp_path / "cut" / "iteration-1" / "held_out.jsonl").read_bytes()
    second = ScriptedEngine(write)
    resumed, _ = run_scripted(tmp_path / "cut", config, second)
    assert measured(second.requests) == []
    assert resumed.held_out.read_bytes() == kept == files.held_out.read_bytes()
    rows = [
        [row for row in metrics_of(found)["ledger"] if row["stage"] == Stage.HELD_OUT]
        for found in (resumed, files)
    ]
    assert rows[0] == rows[1] != []


def test_a_measure_that_was_cut_short_is_repeated(tmp_path):
    with pytest.raises(EngineError):
        run_scripted(tmp_path, engine=ScriptedEngine(answer_well, dies_after=2))
    assert not (tmp_path / "iteration-1" / "held_out.jsonl").exists()
    second = ScriptedEngine(answer_well)
    run_scripted(tmp_path, engine=second)
    assert len(measured(second.requests)) == 4


def test_no_instructions_turn_the_measure_off(tmp_path):
    engine = ScriptedEngine(answer_well)
    files, _ = run_scripted(tmp_path, small_config(held_out={"num_instructions": 0}), engine)
    assert measured(engine.requests) == []
    assert not files.held_out.exists()
    assert metrics_of(files)["held_out"] is None


def test_a_measure_writes_the_answers_of_the_trained_generator_only(tmp_path):
    run = second_iteration(tmp_path)
    files = RunDirectory(tmp_path).iteration(2)
    engine = ScriptedEngine(answer_well)
    assert measure(run, engine).summary is not None
    assert [answer.generator for answer in files.read_held_out()] == ["generator@1"] * 4
    assert len(engine.requests) == 4
    assert [path.name for path in files.folder.iterdir()] == ["held_out.jsonl"]


def test_a_measure_whose_engine_dies_writes_nothing(tmp_path):
    run = second_iteration(tmp_path)
    files = RunDirectory(tmp_path).iteration(2)
    with pytest.raises(EngineError, match="scripted death"):
        measure(run, ScriptedEngine(answer_well, dies_after=1))
    assert files.read_held_out() == []


def test_status_shows_measure_and_adapters(tmp_path):
    run = second_iteration(tmp_path)
    directory = RunDirectory(tmp_path)
    directory.iteration(1).provenance("generator").write_text("{}")
    measure(run, ScriptedEngine(answer_well))
    out = io.StringIO()
    print_status(directory, Console(file=out, width=120))
    assert "adapters of iteration 1: generator\n" in out.getvalue()
    assert "iteration 2: only measured; held-out answers: 4 of generator@1" in out.getvalue()
    assert "measured" in out.getvalue()


def test_status_names_answers_of_another_version(tmp_path):
    run = second_iteration(tmp_path)
    directory = RunDirectory(tmp_path)
    files = directory.iteration(2)
    measure(run, ScriptedEngine(answer_well))
    older = [answer.to_row() for answer in files.read_held_out()]
    for row in older:
        del row["reason"]
    files.held_out.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in older))
    with pytest.raises(CorruptFileError, match=r"held_out\.jsonl:1: not as this .*: reason: field"):
        print_status(directory, Console(file=io.StringIO()))


def test_a_proposal_that_resembles_a_held_out_instruction_is_known():
    held_out = load_held_out("en", 4).instructions
    config = small_config().expand
    assert InstructionRegistry((), config, held_out).resembles_known(held_out[0])
    assert not InstructionRegistry((), config, ()).resembles_known(held_out[0])


def test_more_instructions_than_the_file_has_are_refused(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text('{"instruction": "Write of the sea."}\n')
    assert load_held_out(str(path), 1).instructions == ("Write of the sea.",)
    with pytest.raises(ConfigError, match=r"num_instructions: 2, but .* has 1; set at most 1"):
        load_held_out(str(path), 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "held_out.num_instructions=0"], "held_out.num_instructions: 0; nothing to measure"),
        (["-o", "held_out.instructions=none.jsonl"], "held_out.instructions: cannot read 'none"),
        (["-o", "held_out.num_instructions=17"], "has 16; set at most 16"),
    ],
)
def test_a_measure_that_cannot_start_is_one_line(tmp_path, arguments, message):
    command = ["measure", "--config", "configs/cpu.yaml", "--out", tmp_path / "out"]
    code, stdout, stderr = synth(*command, "--iteration", 1, *arguments)
    assert (code, stdout, stderr.count("\n")) == (2, "", 1)
    assert message in stderr
    assert not (tmp_path / "out").exists()


def test_a_measure_that_is_done_is_shown_without_an_engine(tmp_path):
    second_iteration(tmp_path)
    command = ["measure", "--config", tmp_path / "run.json", "--out", tmp_path, "--iteration", 1]
    config = small_config().model_dump(mode="json")
    (tmp_path / "run.json").write_text(json.dumps(config))
    code, stdout, stderr = synth(*command)
    assert (code, stderr) == (0, "")
    assert "4 of base" in stdout
