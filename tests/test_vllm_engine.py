"""The engine adapter on real vLLM with the embedded model and two LoRA adapters."""

import asyncio
from pathlib import Path

import pytest

from foundation.config_file import load_config
from lora import MODEL, write_adapter
from synth.adapter import load_adapter
from synth.config import RunConfig
from synth.engine.chat import ChatTokenizer
from synth.engine.protocol import Decoding, FinishReason, ModelRole, Request, Stage

pytestmark = pytest.mark.engine

OVERRIDES = ["engine.max_model_len=1024", "engine.max_num_seqs=8", "engine.stream_interval=4"]


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def engine(runner, tmp_path_factory):
    from synth.engine.vllm import VllmEngine

    config = load_config(RunConfig, Path("configs/cpu.yaml"), OVERRIDES)
    folder = tmp_path_factory.mktemp("adapters")
    adapters = {
        role: load_adapter(f"{role}@1", write_adapter(folder / role.value, seed), MODEL)
        for seed, role in enumerate((ModelRole.GENERATOR, ModelRole.EXTENDER))
    }
    chat = ChatTokenizer.load(config.model)
    engine = runner.run(VllmEngine.start(config.model, config.engine, adapters, chat))
    yield engine
    runner.run(engine.close())


def request(number, user="Write about a river.", role=ModelRole.BASE, **changes):
    decoding = Decoding(max_completion_tokens=changes.pop("max_tokens", 24), top_k=1)
    settings = {"prefill": "", "choices": (), **changes}
    return Request(
        id=f"request-{number}",
        cohort=0,
        sequence=0,
        stage=Stage.GENERATE,
        role=role,
        user=user,
        decoding=decoding,
        **settings,
    )


def ask(runner, engine, *requests, watch=None):
    async def gather():
        return await asyncio.gather(*(engine.generate(asked, watch) for asked in requests))

    return runner.run(gather())


def test_a_completion_counts_its_tokens(runner, engine):
    (completion,) = ask(runner, engine, request(1))
    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.num_generated_tokens == 24
    assert completion.num_prompt_tokens == len(engine._chat.encode("Write about a river."))
    assert len(completion.text.split()) > 8


def test_the_end_of_turn_ends_a_completion(runner, engine):
    (completion,) = ask(runner, engine, request(2, "Say hello.", max_tokens=200))
    assert completion.finish_reason is FinishReason.STOP
    assert "<|im_end|>" not in completion.text


def test_a_prefill_is_continued_and_not_repeated(runner, engine):
    asked = request(3, "Count from one to six.", prefill="One, two, three,")
    (completion,) = ask(runner, engine, asked)
    assert completion.text.lower().lstrip().startswith("four")


def test_each_role_has_its_adapter_even_in_a_mixed_batch(runner, engine):
    alone = {role: ask(runner, engine, request(f"a-{role}", role=role))[0] for role in ModelRole}
    assert len({completion.text for completion in alone.values()}) == 3
    mixed = ask(runner, engine, *(request(f"m-{role}", role=role) for role in ModelRole))
    assert len({completion.text for completion in mixed}) == 3
    # The beginning: in another batch, rounding may turn a later choice between near-equal tokens.
    base = alone[ModelRole.BASE].text.split()[:3]
    assert [completion.text.split()[:3] == base for completion in mixed] == [True, False, False]


def test_a_watch_ends_a_completion_early(runner, engine):
    seen = []

    def watch(delta):
        seen.append(delta)
        return "enough" if len(seen) == 2 else None

    (completion,) = ask(runner, engine, request(4, max_tokens=400), watch=watch)
    assert completion.finish_reason is FinishReason.ABORT
    assert completion.detail == "enough"
    assert completion.text == "".join(seen)
    assert completion.num_generated_tokens < 40


def test_a_judge_chooses_between_its_choices(runner, engine):
    asked = [
        request(f"j-{number}", question, choices=("Yes", "No"))
        for number, question in enumerate(["Is water wet?", "Write a poem.", "2+2=5. Right?"])
    ]
    answers = [completion.text for completion in ask(runner, engine, *asked)]
    assert set(answers) <= {"Yes", "No"}
    assert all(
        completion.num_generated_tokens == 1
        for completion in ask(runner, engine, request("j-9", "Is it?", choices=("Yes", "No")))
    )


def test_a_prompt_that_does_not_fit_is_an_outcome(runner, engine):
    long, short = ask(runner, engine, request(5, "word " * 2000), request(6))
    assert long.finish_reason is FinishReason.ERROR
    assert long.detail.startswith("prompt_too_long: ")
    assert short.finish_reason is FinishReason.LENGTH


def test_shared_prefixes_are_found_in_the_cache(runner, engine):
    shared = "The same long beginning of a prompt. " * 20
    ask(runner, engine, request(7, shared + "One."))
    (second,) = ask(runner, engine, request(8, shared + "Two."))
    assert second.num_cached_tokens >= 96


def test_the_engine_s_own_counter_agrees(runner, engine):
    before = engine.load().num_generated_tokens
    completions = ask(runner, engine, *(request(f"c-{number}") for number in range(12)))
    generated = sum(completion.num_generated_tokens for completion in completions)
    assert engine.load().num_generated_tokens - before == generated
    assert engine.load().prefix_hit_rate > 0
