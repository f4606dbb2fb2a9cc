"""Settings have their effect: each of these would be missed if it were ignored."""

import asyncio
from dataclasses import FrozenInstanceError

import pytest

from scripted_engine import Answer, ScriptedEngine
from scripted_runs import run_scripted, small_config
from synth.decoding import DecodingConfig
from synth.engine.config import EngineConfig, Sampling
from synth.loop.trainer_check import RECORD
from synth.method.prompts.prompt_set import load_prompt_set
from synth.method.records import extender_row
from synth.method.registry import InstructionRegistry
from synth.method.slots import Slot
from synth.method.stages import STAGES, Stage
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare
from writer import write

POOL = ("Write about a river.", "Describe a harbour at night.")


def slot(sequence, cohort_start):
    return Slot(1, 0, cohort_start, sequence)


@pytest.fixture
def recipe(tmp_path):
    def recipe(**changes):
        return prepare(small_config(**changes), 1, RunDirectory(tmp_path)).recipe

    return recipe


def test_a_recipe_cannot_be_changed(recipe):
    with pytest.raises(FrozenInstanceError):
        recipe().iteration = 2


def test_every_further_attempt_is_warmer_by_the_configured_step(tmp_path):
    def bad_at_first(request):
        if request.kind is Stage.GENERATE and not request.id.endswith("-2"):
            return Answer("and then it breaks off in the middle of")
        return write(request)

    engine = ScriptedEngine(bad_at_first)
    decoding = {"temperature": 0.5, "retry_temperature_step": 0.25}
    run_scripted(tmp_path, small_config(decoding=decoding, breaker={"requests": 0}), engine)
    for attempt, temperature in enumerate((0.5, 0.75, 1.0)):
        asked = [
            one
            for one in engine.requests
            if one.kind is Stage.GENERATE and one.id.endswith(f"generate-{attempt}")
        ]
        assert asked
        assert {one.decoding.sampling.temperature for one in asked} == {temperature}


def test_engines_are_told_every_sampling_parameter_and_nothing_else():
    values = {
        "temperature": 0.1,
        "top_p": 0.2,
        "top_k": 3,
        "repetition_penalty": 1.4,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.6,
        "stop": ["###"],
    }
    own = DecodingConfig(**values, retry_temperature_step=0.1)
    assert own.parameters() == values
    assert set(values) == set(Sampling.model_fields)


@pytest.mark.parametrize(("ratio", "capacity"), [(1.0, 10), (1.5, 15), (2.0, 20)])
def test_the_engine_holds_more_requests_than_run_by_the_configured_ratio(ratio, capacity):
    sizes = {"max_num_seqs": 10, "max_num_batched_tokens": 64, "max_model_len": 128}
    assert EngineConfig(**sizes, admission_ratio=ratio).capacity == capacity


@pytest.mark.parametrize(("limit", "is_known"), [(0.3, True), (0.95, False)])
def test_how_near_a_near_duplicate_is(limit, is_known):
    config = small_config(expand={"max_similarity": limit}).expand
    near = "Write about a river, a mill and the old town."
    assert InstructionRegistry(POOL, config).resembles_known(near) is is_known
    registry = InstructionRegistry((), config)
    registry.settle(0, POOL[0])
    assert asyncio.run(registry.resembles_accepted(slot(1, 0), near)) is is_known


@pytest.mark.parametrize(
    ("pool_group", "sequence", "grown"),
    [(8, 7, ["one", "two"]), (4, 7, ["two"]), (4, 4, []), (2, 7, [])],
)
def test_a_growing_pool_starts_anew_with_every_group(pool_group, sequence, grown):
    config = small_config(
        expand={"pool": "growing", "pool_group": pool_group, "max_similarity": None}
    ).expand
    registry = InstructionRegistry(POOL, config)
    for place in range(8):
        registry.settle(place, {1: "one", 4: "two"}.get(place))
    cohort_start = sequence if pool_group == 4 and sequence == 4 else 6
    found = asyncio.run(registry.pool(slot(sequence, cohort_start)))
    assert found == [*POOL, *grown]


@pytest.mark.parametrize(("probability", "share"), [(1.0, 1.0), (0.5, 0.5), (0.05, 0.05)])
def test_lines_of_an_extender_row_stay_with_the_configured_chance(recipe, probability, share):
    text = "\n\n".join(f"Line number {number} of the text." for number in range(400))
    record = RECORD.model_copy(update={"initial_response": text})
    row = extender_row(record, recipe(extend={"keep_line_probability": probability}))
    num_kept = row.prompt[-1]["content"].count("Line number")
    assert num_kept / 400 == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize(
    ("single_line", "stop"), [(True, "\n"), (False, f"\n{load_prompt_set('en').wording.label} 4")]
)
def test_where_an_instruction_ends(tmp_path, single_line, stop):
    engine = ScriptedEngine(write)
    run_scripted(tmp_path, small_config(expand={"single_line": single_line}), engine)
    stops = {one.decoding.sampling.stop for one in engine.requests if one.kind is Stage.EXPAND}
    assert stops == {(stop,)}


LIMITS = {
    "expand": {"max_completion_tokens": 11},
    "generate": {"max_completion_tokens": 22},
    "extend": {"max_completion_tokens": 33, "max_stage_1_tokens": 44},
    "held_out": {"max_completion_tokens": 55},
}


def test_every_stage_has_its_own_limit_and_its_own_decoding(recipe):
    sections = {
        name: section | {"decoding": {"temperature": section["max_completion_tokens"] / 100}}
        for name, section in LIMITS.items()
    }
    config = recipe(**sections).config
    limits = {stage: spec.max_completion_tokens(config) for stage, spec in STAGES.items()}
    assert list(limits.values()) == [11, 1, 22, 512, 44, 33, 1, 11, 55]
    found = recipe(**sections)
    temperatures = [found.sampling(stage).temperature for stage in STAGES]
    assert temperatures == [0.11, 1.0, 0.22, 0.33, 0.33, 0.33, 1.0, 0.11, 0.55]
    judge = found.sampling(Stage.JUDGE)
    assert (judge.top_k, judge.repetition_penalty, judge.top_p) == (0, 1.0, 1.0)


def test_later_stages_go_first():
    assert [stage.priority for stage in Stage] == list(range(len(Stage)))[::-1]
