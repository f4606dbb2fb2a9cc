"""`synth collect`: which pairs make rows, and what their queries say."""

import asyncio
import io
import json
import pickle
import shutil

import pytest
from rich.console import Console

from bare_adapter import write_adapter
from command import synth
from filters.demand import demands_in
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import run_scripted, small_config
from selflengthen.contract.collection import Collection
from selflengthen.contract.final_row import FinalRow
from selflengthen.errors import CommandError, ConfigError, DirectoryError
from selflengthen.files.json_file import read_as, read_rows
from synth.engine.errors import EngineError
from synth.final.collect import collect, collect_with
from synth.final.more import further_run, with_more
from synth.final.rewrite import check_rows
from synth.run.directory import RunDirectory
from synth.run.iteration import run_with_engine
from synth.run.prepare import prepare
from synth.run.rows.repeated import repeated_rows
from writer import write

BASE = {"num_instructions": 16, "cohort_instructions": 8}


def settings(**changes):
    return small_config(**BASE, collect={"rewrite": "phrase", **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run_scripted(folder, settings())
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def rows_of(folder):
    paths = sorted((folder / "final" / "shards").glob("final-*.jsonl"))
    return [row for path in paths for row in read_rows(FinalRow, path)]


def collect_on(folder, config, engine):
    """Collect as the command does, on a scripted engine."""
    return asyncio.run(collect_with(prepare(config, 1, RunDirectory(folder)), (), engine))


def check(rows):
    for row in rows:
        query = row.prompt[-1]["content"]
        found = [one.demand for one in demands_in(query)]
        if row.demand is None:
            assert found == []
            assert query == row.instruction
            continue
        (demand,) = found
        assert (demand.kind, demand.low, demand.high) == tuple(row.demand.model_dump().values())
        assert demand.is_met(row.num_words)


def test_every_row_meets_the_demand_that_its_query_makes(folder):
    result = collect(settings(), RunDirectory(folder))
    rows, records = rows_of(folder), list(RunDirectory(folder).iteration(1).read_records())
    check(rows)
    assert {row.written_by for row in rows} == {"phrase", None}
    by_id = {record.id: record for record in records}
    for row in rows:
        assert row.instruction == by_id[row.id].instruction
        assert row.completion[0]["content"] == by_id[row.id].response
    found = result.collection
    assert found == read_as(Collection, folder / "final" / "collect.json", "")
    assert found.pairs == len(records) == found.rows + sum(found.left_out.values())
    assert sum(found.demands.values()) == found.rows == len(rows)


def test_initial_responses_make_rows_with_a_demand_of_their_own(folder):
    config = settings(initial=True, demands={"none": 1.0, "about": 0.0, "range": 0.0})
    found = collect(config, RunDirectory(folder)).collection
    rows = rows_of(folder)
    check(rows)
    initial = [row for row in rows if row.id.endswith("/initial")]
    records = {record.id: record for record in RunDirectory(folder).iteration(1).read_records()}
    different = {(one.instruction_id, one.initial_response) for one in records.values()}
    assert 0 < len(initial) <= len(different)
    assert found.pairs == len(records) + len(different)
    for row in initial:
        record = records[row.id.removesuffix("/initial")]
        assert row.completion[0]["content"] == record.initial_response
        assert row.num_words == record.num_words.initial
        assert row.demand is not None
        assert 0 <= row.score <= 1
    assert any(row.demand is None for row in rows)


def test_rows_are_the_same_each_time(folder):
    collect(settings(), RunDirectory(folder))
    first = rows_of(folder)
    assert collect(settings(), RunDirectory(folder)).was_complete
    shutil.rmtree(folder / "final")
    collect(settings(), RunDirectory(folder))
    assert rows_of(folder) == first


def rewrite(asked):
    """Rewrite as told; of three queries one has no demand, and one another task."""
    _, _, demand = asked.user.partition("the text is to have ")
    demand = demand.partition(". Keep all")[0]
    instruction = asked.user.split("\n\n")[1]
    if asked.affinity % 3 == 1:
        return Answer(instruction)
    if asked.affinity % 3 == 2:
        return Answer(f"Sing a song of sixpence and of many other things, with {demand}.")
    return Answer(f"{instruction.rstrip('.')}, in {demand}.")


def test_the_model_writes_what_passes_and_a_phrase_the_rest(folder):
    config = settings(rewrite="model", attempts=2)
    found = collect_on(folder, config, ScriptedEngine(rewrite)).collection
    check(rows_of(folder))
    assert set(found.written_by) == {"model", "phrase", "nobody"}
    assert set(found.rejected) == {"no_demand", "another_task"}
    assert found.generated_tokens > 0


def test_a_collection_that_died_goes_on_from_its_queries(folder, tmp_path):
    config, other = settings(rewrite="model"), shutil.copytree(folder, tmp_path / "other")
    collect_on(other, config, ScriptedEngine(rewrite))
    with pytest.raises(EngineError, match="scripted death"):
        collect_on(folder, config, ScriptedEngine(rewrite, dies_after=8, concurrency=2))
    assert not (folder / "final" / "manifest.json").exists()
    second = ScriptedEngine(rewrite)
    collect_on(folder, config, second)
    assert rows_of(folder) == rows_of(other)
    ids = [one.id for one in second.requests]
    assert 0 < len(ids) < 2 * len(rows_of(folder)) - 7


def test_bounds_and_balance_choose(folder):
    collect(settings(max_rows=5, balance=True), RunDirectory(folder))
    assert len(rows_of(folder)) == 5
    shutil.rmtree(folder / "final")
    longest = max(row.num_words for row in RunDirectory(folder).iteration(1).read_rows("generator"))
    collect(settings(min_words=longest), RunDirectory(folder))
    assert {row.num_words for row in rows_of(folder)} == {longest}


def test_an_instruction_with_a_length_of_its_own_keeps_it_if_it_is_met(tmp_path):
    def long_ago(asked):
        answer = write(asked)
        if asked.kind == "expand" and asked.affinity % 2:
            length = "at least 280" if asked.affinity % 4 == 1 else "9,000"
            return Answer(f"{answer.text.rstrip('. ')} in {length} words.")
        return answer

    # Rules drop instructions that ask for so short a text.
    config = small_config(**BASE, collect={"rewrite": "phrase"}, expand={"check_task": False})
    run_scripted(tmp_path, config, ScriptedEngine(long_ago))
    found = collect(config, RunDirectory(tmp_path)).collection
    assert found.left_out["misses_its_demand"] > 0
    check(rows_of(tmp_path))
    assert any(row.demand and row.demand.low == 280 for row in rows_of(tmp_path))


@pytest.mark.parametrize(
    ("changes", "iterations", "message"),
    [
        ({}, (2,), r"--iterations 2: not complete in .*; complete are 1"),
        ({"min_words": 10**6}, (), r"no record makes a row \(.*too_short \d+"),
    ],
)
def test_what_cannot_be_collected_is_one_line(folder, changes, iterations, message):
    with pytest.raises(DirectoryError, match=message):
        collect(settings(**changes), RunDirectory(folder), iterations)
    assert not (folder / "final").exists()


def test_other_settings_do_not_mix_with_what_is_complete(folder):
    collect(settings(), RunDirectory(folder))
    with pytest.raises(DirectoryError, match=r"made with other values of collect\.min_words"):
        collect(settings(min_words=3), RunDirectory(folder))


def test_a_run_that_has_not_begun_has_nothing_to_collect(tmp_path):
    with pytest.raises(CommandError, match="no iteration is complete"):
        collect(settings(), RunDirectory(tmp_path))


def test_a_prompt_set_without_the_template_says_so(folder, tmp_path):
    own = tmp_path / "own"
    shutil.copytree("synth/method/prompts/en", own)
    (own / "demand.j2").unlink()
    config = settings(rewrite="model").model_copy(update={"prompts": str(own)})
    run_scripted(tmp_path / "out", config)
    with pytest.raises(ConfigError, match=r"has no demand\.j2; write one, or set it to phrase"):
        collect(config, RunDirectory(tmp_path / "out"))


def test_the_command_says_what_came_out(folder, tmp_path):
    config = settings().model_dump(mode="json", exclude={"filter": {"rules"}})
    (tmp_path / "run.yaml").write_text(json.dumps(config))
    code, out, errors = synth("collect", "--config", tmp_path / "run.yaml", "--out", folder)
    assert code == 0, errors
    assert f"final data: {len(rows_of(folder))} rows of" in out
    assert "demands: " in out


def test_a_row_that_misses_its_demand_is_never_written(folder):
    collect(settings(), RunDirectory(folder))
    row = next(row for row in rows_of(folder) if row.demand)
    for change in ({"num_words": 10**6}, {"demand": None}):
        with pytest.raises(ValueError, match="does not say the demand"):
            check_rows([row.model_copy(update=change)])


def trained(folder):
    """Put adapters beside iteration 1, as `train sft` does."""
    for role in ("generator", "extender"):
        write_adapter(folder / "iteration-1" / "adapters" / role)


def run_more(folder, config):
    further, directory, number = further_run(config, RunDirectory(folder))
    run = prepare(further, number, directory)
    engine = ScriptedEngine(write)
    with directory.locked():
        directory.claim(run.resolved)
        asyncio.run(run_with_engine(run, engine, Console(file=io.StringIO())))
    return engine


def test_further_data_comes_from_what_the_last_iteration_trained(folder):
    trained(folder)
    # As a loop leaves it, which measures what it trained last.
    measured = folder / "iteration-2"
    measured.mkdir()
    (measured / "held_out.jsonl").touch()
    config = with_more(settings(), 8)
    engine = run_more(folder, config)
    assert {request.adapter for request in engine.requests} == {
        *(None, "generator@1", "extender@1")
    }
    more = folder / "more" / "iteration-2"
    assert json.loads((more / "manifest.json").read_bytes())["num_instructions"] == 8
    found = collect(config, RunDirectory(folder)).collection
    assert found.iterations == (1, 2)
    assert {row.iteration for row in rows_of(folder)} == {1, 2}
    check(rows_of(folder))
    # The run itself is as it was: the same command finds it complete.
    assert RunDirectory(folder).asked() == (16,)
    assert [path.name for path in measured.iterdir()] == ["held_out.jsonl"]
    # Replicas are told of it as it is.
    told = pickle.loads(pickle.dumps(RunDirectory(folder).more))
    assert told.iteration(1).folder == folder / "iteration-1"
    assert told.iteration(2).folder == more


def test_no_row_of_further_data_repeats_an_earlier_one(folder):
    trained(folder)
    run_more(folder, with_more(settings(), 8))
    files = RunDirectory(folder).more.iteration(2)
    shutil.copytree(
        folder / "iteration-1" / "records", files.folder / "records", dirs_exist_ok=True
    )
    repeats = repeated_rows(files, 2, 0.7)
    assert {reject.id.split("-")[0] for reject in repeats} == {"1"}


def test_further_data_of_an_earlier_generator_is_refused(folder):
    trained(folder)
    run_more(folder, with_more(settings(), 8))
    shutil.copytree(folder / "iteration-1", folder / "iteration-2")
    with pytest.raises(DirectoryError, match="made with what iteration 1 trained, not 2; delete"):
        further_run(with_more(settings(), 8), RunDirectory(folder))


def test_further_data_needs_an_iteration(tmp_path):
    with pytest.raises(DirectoryError, match="no iteration is complete; run `synth run` first"):
        further_run(with_more(settings(), 8), RunDirectory(tmp_path))
