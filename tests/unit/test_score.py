"""The score of a text, and what length sampling makes of it."""

import shutil
from dataclasses import replace

import pytest
from pydantic import ValidationError

from filters.profile import PROFILES, DefaultProfile
from filters.rules.repeats.near_repeat import NearRepeatRule
from filters.rules.repeats.repetition import RepetitionRule
from filters.text.judged import JudgedText
from prose_texts import BODIES
from scripted_engine import ScriptedEngine
from scripted_runs import run_scripted, small_config
from selflengthen.contract.metrics import Metrics
from selflengthen.errors import ConfigError
from selflengthen.files.json_file import read_as
from structure_texts import DEFECTS
from synth.config import JudgeConfig
from synth.method.prompts.prompt_set import BUILT_IN
from synth.method.ranking import _ranks
from synth.method.sample import InitialResponse
from synth.method.stages import Stage
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare
from writer import write

DEFAULT = DefaultProfile()
GOOD = "\n\n".join(BODIES[:6])


def test_a_text_that_says_something_new_all_the_time_has_the_best_score():
    assert DEFAULT.score(GOOD) > 0.95


@pytest.mark.parametrize("reason", ["frame_loop", "poor_stretch", "near_repeat"])
def test_a_text_near_a_limit_has_a_lower_score(reason):
    for text in DEFECTS[reason]:
        assert DEFAULT.score(text) < DEFAULT.score(GOOD) - 0.1


def test_strain_is_the_share_of_a_limit_that_is_used():
    again = JudgedText.of("\n\n".join([*BODIES[:6], BODIES[0]]))
    strains = [RepetitionRule(10, limit).strain(again) for limit in (0.8, 0.4, 0.001, 0.0)]
    assert 0.0 < strains[0] < 0.5
    assert strains[1:] == [pytest.approx(2 * strains[0]), 1.0, 0.0]
    near = JudgedText.of(DEFECTS["near_repeat"][0])
    number = NearRepeatRule(0.5, 1, 60)._most(near)
    assert number > 1
    strains = [NearRepeatRule(0.5, most, 60).strain(near) for most in (2 * number - 1, 0)]
    assert strains == [0.5, 1.0]


@pytest.mark.parametrize("name", ["reference-qwen", "reference-llama"])
def test_the_reference_grades_nothing(name):
    assert PROFILES[name]().score(DEFECTS["loop"][0]) == 1.0


def sample(text, score):
    return InitialResponse("r", None, text, 1, (), score)


def test_length_sampling_can_weigh_the_score():
    samples = [sample("word " * 100, 0.5), sample("word " * 60, 1.0)]
    assert _ranks(samples, small_config().length_sampling) == [100, 60]
    for weight, ranks in ((1.0, [50.0, 60.0]), (2.0, [25.0, 60.0])):
        config = small_config(length_sampling={"quality_weight": weight})
        assert _ranks(samples, config.length_sampling) == ranks


def test_a_weight_below_zero_is_refused():
    with pytest.raises(ValidationError, match="quality_weight"):
        small_config(length_sampling={"quality_weight": -1})


class RatingEngine(ScriptedEngine):
    """Its judge says yes to responses with a probability."""

    async def generate(self, asked, new_watch=None):
        completion = await super().generate(asked, new_watch)
        if asked.kind is not Stage.RATE:
            return completion
        return replace(completion, text="Yes", probability=0.75)


def test_the_base_model_s_doubts_lower_the_score(tmp_path):
    config = small_config(num_instructions=8, extend={"attempts": 2, "micro_iterations": 1})
    rated = config.model_copy(update={"judge": JudgeConfig(response=True)})
    plain, _ = run_scripted(tmp_path / "plain", config)
    files, _ = run_scripted(tmp_path / "rated", rated, engine := RatingEngine(write))
    scores = {record.id: record.score for record in plain.read_records()}
    lowered = {record.id: record.score for record in files.read_records()}
    both = scores.keys() & lowered.keys()
    assert both
    for record_id in both:
        assert lowered[record_id] == pytest.approx(0.75 * scores[record_id], abs=1e-3)
    asked = [request for request in engine.requests if request.kind is Stage.RATE]
    assert all(request.adapter is None and request.choices for request in asked)
    ledger = read_as(Metrics, files.metrics, "").ledger
    assert sum(row.requests for row in ledger if row.stage == "rate") == len(asked)


def test_a_prompt_set_that_cannot_ask_about_responses_is_refused(tmp_path):
    folder = shutil.copytree(BUILT_IN / "en", tmp_path / "own")
    (folder / "rate.j2").unlink()
    config = small_config(prompts=str(folder), judge={"response": True})
    with pytest.raises(ConfigError, match=r"judge\.response: .*own has no rate\.j2"):
        prepare(config, 1, RunDirectory(tmp_path / "out"))
