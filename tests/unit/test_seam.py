"""Where the head meets stage 2, and what of a draft is lost before its end."""

import asyncio

import pytest

from filters import PROFILES, Circumstances
from filters.profile import DefaultProfile
from prose_texts import BODIES
from scripted_engine import Answer, ScriptedEngine
from scripted_runs import run_scripted, small_config
from synth.engine.base import Completion, FinishReason
from synth.method.books.book import CohortBook
from synth.method.extend import extend_response
from synth.method.forms.draft import watch_head, watch_spliced
from synth.method.forms.text_form import FORMS, DefaultForm
from synth.method.prompts.prompt_set import load_prompt_set
from synth.method.recipe import CohortContext, Recipe
from synth.method.sample import InitialResponse, Instruction, Slot
from synth.method.stages import Stage
from writer import write

FORM = DefaultForm()
MILL, BEES, LOG, COUNCIL, BREAD, BOX = BODIES[:6]
HEAD = f"{MILL}\n\n{BEES}"
INSTRUCTION = "Write about a mill and its people."


def test_what_stage_2_repeats_of_the_head_is_cut_and_counted():
    repeated = (
        "She never wore a veil. She said that a person who is in no hurry has nothing to fear."
    )
    spliced = FORM.splice(HEAD, f" {repeated} The bees agreed.\n\n{LOG}")
    assert repeated not in spliced.text.removeprefix(HEAD)
    assert spliced.cut_words == len(repeated.split())
    long = MILL.split("\n\n")[0]
    spliced = FORM.splice(HEAD, f"\n\n{long} It was Monday.\n\n{LOG}")
    assert spliced.text == f"{HEAD}\n\nIt was Monday.\n\n{LOG}"
    assert spliced.cut_words == len(long.split())
    assert spliced.text[spliced.at :].startswith("It was Monday.")
    assert not spliced.restarts


def test_a_second_beginning_is_a_restart():
    assert FORM.splice(HEAD, f"\n\nIt was late.\n\n{MILL}").restarts
    assert not FORM.splice(HEAD, f"\n\nIt was late.\n\n{LOG}").restarts


def test_a_head_stops_before_an_ending():
    draft = "\n\n".join([MILL, "In conclusion, a mill is a mill.", BEES, LOG, BREAD])
    assert FORM.head(draft) == MILL


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_is_sure_of_a_head_only_grows_into_the_head(form):
    draft = "\n\n".join([MILL, BEES, "```\na\n\nb\n```", LOG, "Overall, all is well.", BREAD, BOX])
    before = ""
    for end in range(0, len(draft), 7):
        sure = form.sure_head(draft[:end])
        assert sure.startswith(before)
        assert form.head(draft).startswith(sure)
        before = sure
    assert len(before) > len(MILL)


def told(watch, text, size=20):
    """Return where a watch speaks, in characters, and what it says."""
    for start in range(0, len(text), size):
        if reason := watch(text[start : start + size]):
            return start, reason
    return len(text), None


def test_a_draft_is_lost_once_its_head_is():
    ways = ("daily life", "working life", "their daily life", "daily life at work", "work and life")
    frames = " ".join(f"The new book will help people in {way}." for way in ways)
    profile = DefaultProfile()
    draft = "\n\n".join([MILL, frames, *BODIES[1:6], *BODIES[1:6]])
    new_watch = profile.watch(Circumstances(INSTRUCTION))
    at, reason = told(watch_head(new_watch, FORM, profile.watch_draft()), draft)
    assert reason == "frame_loop"
    assert at < 0.7 * len(draft)
    # In the last third it is dropped with it.
    draft = "\n\n".join([*BODIES[:6], frames])
    new_watch = profile.watch(Circumstances(INSTRUCTION))
    assert told(watch_head(new_watch, FORM, profile.watch_draft()), draft)[1] is None


@pytest.mark.parametrize(
    ("name", "bodies"), [("reference-qwen", BODIES[6:]), ("reference-llama", BODIES[:6])]
)
def test_a_draft_that_repeats_itself_is_lost_in_every_profile(name, bodies):
    profile, form = PROFILES[name](), FORMS[name]
    first, second, *others = bodies
    draft = "\n\n".join([first, *[second] * 12])
    at, reason = told(watch_head(profile.watch(), form, profile.watch_draft()), draft)
    assert reason == "ngram"
    assert at < len(draft) / 2
    assert profile.judge_beginning(form.head(draft)).reason == "ngram"
    # What is in no head is not looked at.
    draft = "\n\n".join([first, second, *others, second.split("\n\n")[0]])
    assert told(watch_head(profile.watch(), form, profile.watch_draft()), draft)[1] is None
    assert profile.judge_beginning(form.head(draft)).keep


def test_a_spliced_text_is_shown_without_what_is_cut():
    profile, again = DefaultProfile(max_words=200), MILL.split("\n\n")[0]
    stage_2 = f"\n\n{again} It was Monday.\n\n" + "\n\n".join(BODIES[2:6])
    watch = watch_spliced(profile.watch(), FORM, HEAD)
    _, reason = told(watch, stage_2)
    assert reason == "too_long"
    shown = []
    told(watch_spliced(lambda delta: shown.append(delta), FORM, HEAD), stage_2)
    assert "".join(shown) == FORM.splice(HEAD, stage_2).text


class Script:
    """Answers stage by stage; counts what was asked."""

    def __init__(self, **texts):
        self.texts = {stage: iter(answers) for stage, answers in texts.items()}

    def __call__(self, request):
        return Answer(next(self.texts[request.kind]))


def extend(script, **extend_config):
    config = small_config(extend={"attempts": 1, "min_growth": 1.0} | extend_config)
    engine = ScriptedEngine(script, concurrency=1)
    recipe = Recipe(config, 1, load_prompt_set("en"), (), {})
    book = CohortBook(0)
    completion = Completion(MILL, FinishReason.STOP, 1, 0, 1)
    proposal = Instruction(Slot(1, 0, 0, 0), INSTRUCTION, 1, None, completion)
    initial = InitialResponse("r", proposal, MILL, 1, ((Stage.GENERATE, completion),), 0.9)
    context = CohortContext(recipe, engine, None, book)
    extended = asyncio.run(extend_response(initial, 0, context))
    return extended, [request.kind for request in engine.requests], book


def test_a_condemned_head_never_starts_stage_2():
    bad = f"Sure! Here is a longer version of the text:\n\n{MILL}"
    extended, asked, book = extend(Script(extend_head=[bad]), micro_iterations=1)
    assert extended is None
    assert asked == [Stage.EXTEND_HEAD]
    assert [row.reason for row in book.rejects] == ["meta_talk"]


def test_the_place_of_the_splice_and_the_score_are_kept():
    extended, asked, _ = extend(
        Script(extend_head=[f"{MILL}\n\n{BEES}"], extend_tail=[f"\n\n{LOG}\n\n{COUNCIL}"]),
        micro_iterations=1,
    )
    assert asked == [Stage.EXTEND_HEAD, Stage.EXTEND_TAIL]
    (step,) = extended.micro_iterations
    assert extended.text[step.splice_at :].startswith(LOG)
    assert 0 < extended.score == step.score <= 1


def test_the_best_round_has_the_largest_product_of_length_and_score(monkeypatch):
    scores = iter([0.9, 0.2, 0.8])
    monkeypatch.setattr(DefaultProfile, "score", lambda *_: next(scores))
    rounds = [f"\n\n{LOG}", f"\n\n{LOG}\n\n{BREAD}", f"\n\n{LOG}\n\n{COUNCIL}\n\n{BREAD}"]
    extended, _, _ = extend(
        Script(extend_head=[HEAD, HEAD, HEAD], extend_tail=rounds), micro_iterations=3
    )
    assert [step.reason for step in extended.micro_iterations] == [None, "not_better", None]
    assert extended.score == 0.8


def test_both_stages_follow_the_plan_of_their_round(tmp_path):
    def plan_or_write(asked):
        return Answer("1. The flood, 200 words") if asked.kind is Stage.PLAN else write(asked)

    engine = ScriptedEngine(plan_or_write)
    changes = {"plan": True, "micro_iterations": 2}
    config = small_config(num_instructions=4, extend=changes)
    files, _ = run_scripted(tmp_path, config, engine)
    plans = [one for one in engine.requests if one.kind is Stage.PLAN]
    heads = [one for one in engine.requests if one.kind is Stage.EXTEND_HEAD]
    tails = [one for one in engine.requests if one.kind is Stage.EXTEND_TAIL]
    assert len(plans) == len(heads) > 0
    assert all("\n1. The flood, 200 words\n" in one.user for one in (*heads, *tails))
    assert {one.adapter for one in plans} == {None}
    assert list(files.read_records())


def test_without_a_plan_nothing_is_asked_for_one(tmp_path):
    engine = ScriptedEngine(write)
    run_scripted(tmp_path, small_config(num_instructions=4), engine)
    assert not [one for one in engine.requests if one.kind is Stage.PLAN]
