"""The engine adapter on real vLLM with the embedded model and two LoRA adapters trained on it."""

import asyncio
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from cores import core_settings
from selflengthen.adapter.served import load_adapter
from selflengthen.chat.messages import conversation
from selflengthen.config_file import load_config
from selflengthen.errors import ConfigError
from synth.config import RunConfig
from synth.engine.base import Decoding, EngineSpec, FinishReason, Request
from synth.engine.chat import ChatTokenizer
from synth.engine.config import NEUTRAL
from synth.engine.start import prepare_engine
from tiny_model import add_adapter, build_tiny_model
from trained_adapters import ANSWERS, MODEL

pytestmark = pytest.mark.engine

ADAPTERS = (None, "generator@1", "extender@1")
OVERRIDES = [
    "engine.max_model_len=1024",
    "engine.max_num_seqs=8",
    "engine.stream_interval=4",
    "engine.per_request_seeds=true",  # prompts are then read whole; other files test without
    "engine.dtype=float32",  # bfloat16 does not choose the same token twice where two are near
    *core_settings(),
]


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def engine(runner, trained_adapters):
    from synth.engine.vllm import VllmEngine

    config = load_config(RunConfig, Path("configs/cpu.yaml"), OVERRIDES)
    named = trained_adapters.items()
    adapters = tuple(load_adapter(f"{role}@1", folder, MODEL) for role, folder in named)
    chat = ChatTokenizer.load(config.model)
    engine = runner.run(VllmEngine.start(EngineSpec(config.model, config.engine, adapters), chat))
    yield engine
    runner.run(engine.close())


def request(number, user="Write about a river.", adapter=None, **changes):
    sampling = NEUTRAL.model_copy(update={"top_k": 1})
    decoding = Decoding(changes.pop("max_tokens", 24), sampling)
    messages = conversation(user, None)
    return Request(f"request-{number}", messages, decoding, adapter=adapter, **changes)


def role_of(adapter):
    return str(adapter).removesuffix("@1")


def ask(runner, engine, *requests, watch=None):
    new_watch = (lambda: watch) if watch else None

    async def gather():
        return await asyncio.gather(*(engine.generate(asked, new_watch) for asked in requests))

    return runner.run(gather())


def test_a_completion_counts_its_tokens(runner, engine):
    (completion,) = ask(runner, engine, request(1))
    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.num_generated_tokens == 24
    assert completion.num_prompt_tokens == len(engine._chat.encode(request(1)).ids)
    assert len(completion.text.split()) > 8


def test_the_log_probability_of_an_answer_is_the_model_s(runner, engine):
    import torch
    from transformers import AutoModelForCausalLM

    answer = "The river ran on, past the mill and the old stone bridge."
    scored = request(50, prefill=answer, is_scored=True)
    other = replace(scored, id="request-51", adapter="generator@1")
    # Beside other work, which the scheduler mixes with it.
    base, own, _ = ask(runner, engine, scored, other, request(52))
    encoded = engine._chat.encode(scored)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    with torch.no_grad():
        found = model(torch.tensor([encoded.ids])).logits[0].log_softmax(-1)
    places = range(len(encoded.ids) - encoded.num_scored, len(encoded.ids))
    expected = sum(float(found[place - 1, encoded.ids[place]]) for place in places)
    assert base.log_probability == pytest.approx(expected, rel=1e-3)
    assert base.num_scored_tokens == own.num_scored_tokens == encoded.num_scored
    assert own.log_probability < base.log_probability - 1
    assert base.text == ""


def test_the_end_of_turn_ends_a_completion(runner, engine):
    (completion,) = ask(runner, engine, request(2, "Say hello.", max_tokens=200))
    assert completion.finish_reason is FinishReason.STOP
    assert "<|im_end|>" not in completion.text


def test_a_prefill_is_continued_and_not_repeated(runner, engine):
    asked = request(3, "Count from one to six.", prefill="One, two, three,")
    (completion,) = ask(runner, engine, asked)
    assert completion.text.lower().lstrip().startswith("four")


def test_each_role_has_its_trained_adapter_even_in_a_mixed_batch(runner, engine):
    alone = {name: ask(runner, engine, request(f"a-{name}", adapter=name))[0] for name in ADAPTERS}
    mixed = ask(runner, engine, *(request(f"m-{name}", adapter=name) for name in ADAPTERS))
    for name, together in zip(ADAPTERS, mixed, strict=True):
        for completion in (alone[name], together):
            assert (completion.text == ANSWERS.get(role_of(name))) == (name is not None)
    # The beginning: in another batch, rounding may turn a later choice between near-equal tokens.
    assert alone[None].text.split()[:3] == mixed[0].text.split()[:3]


def test_a_watch_ends_a_completion_early(runner, engine):
    seen = []

    def watch(delta):
        seen.append(delta)
        return "enough" if len(seen) == 2 else None

    (completion,) = ask(runner, engine, request(4, max_tokens=400), watch=watch)
    assert completion.finish_reason is FinishReason.ABORT
    assert completion.detail == "enough"
    assert completion.text.startswith("".join(seen))
    assert completion.num_generated_tokens < 40


def test_a_judge_chooses_between_its_choices(runner, engine):
    asked = [
        request(f"j-{number}", question, choices=("Yes", "No"))
        for number, question in enumerate(["Is water wet?", "Write a poem.", "2+2=5. Right?"])
    ]
    answers = ask(runner, engine, *asked)
    assert {completion.text for completion in answers} <= {"Yes", "No"}
    assert all(0.5 <= completion.probability < 1.0 for completion in answers)
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


def test_seeded_requests_outlive_prompts_that_exceed_a_step(runner, engine):
    """Prompts of one step that are longer than `max_num_batched_tokens` together."""
    prompts = [f"{word} stands in a list. " * 100 for word in ("Ale", "Bee", "Cow", "Dew", "Elk")]
    answers = ask(runner, engine, *(request(f"s-{text[:3]}", text) for text in prompts))
    assert sum(answer.num_prompt_tokens for answer in answers) > 2048
    assert {answer.finish_reason for answer in answers} == {FinishReason.LENGTH}


def test_seeds_on_a_cpu_need_room_for_the_longest_prompt():
    from synth.engine.vllm import engine_settings

    overrides = [*OVERRIDES, "engine.max_num_batched_tokens=1023"]
    config = load_config(RunConfig, Path("configs/cpu.yaml"), overrides)
    with pytest.raises(ConfigError, match=r"1023, but per_request_seeds on a CPU .*, 1024; raise"):
        engine_settings(EngineSpec(config.model, config.engine))


def test_the_engine_s_own_counters_agree(runner, engine):
    """Also with aborted requests, those that never fit, and shared prefixes."""
    before = engine.load()
    watched = ask(
        runner,
        engine,
        *(request(f"w-{number}", max_tokens=300) for number in range(6)),
        watch=lambda delta: "enough" if "." in delta else None,
    )
    others = ask(
        runner,
        engine,
        *(request(f"c-{number}-{name}", adapter=name) for number in range(4) for name in ADAPTERS),
        request("long", "word " * 2000),
    )
    assert {completion.finish_reason for completion in watched} == {FinishReason.ABORT}
    completions, after = [*watched, *others], engine.load()
    for counter in ("num_prompt_tokens", "num_cached_tokens", "num_generated_tokens"):
        counted = sum(getattr(completion, counter) for completion in completions)
        assert counted > 0
        assert getattr(after, counter) - getattr(before, counter) == counted
    assert 1 < after.mean_running <= 8


LEVERS = [
    "engine.max_model_len=1024",
    "engine.max_num_seqs=8",
    "engine.kv_cache_memory_bytes=400000000",
    "engine.kv_cache_dtype=fp8",
    "engine.performance_mode=throughput",
    "engine.vllm.max_logprobs=5",
    "engine.vllm.cudagraph_capture_sizes=[1, 2]",
    "engine.vllm.additional_config={note: it's one}",
    *core_settings(),
]


def spec_of(*overrides):
    config = load_config(RunConfig, Path("configs/cpu.yaml"), [*LEVERS, *overrides])
    return EngineSpec(config.model, config.engine)


@pytest.mark.exhaustive
def test_levers_reach_vllm(runner):
    from synth.engine.vllm import VllmEngine

    spec = spec_of()
    levered = runner.run(VllmEngine.start(spec, ChatTokenizer.load(spec.model)))
    try:
        asked = request("l-1"), request("l-2", "Is water wet?", choices=("Yes", "No"))
        text, judged = ask(runner, levered, *asked)
        config = levered._llm.vllm_config
    finally:
        runner.run(levered.close())
    assert config.model_config.max_logprobs == 5
    assert config.cache_config.cache_dtype == "fp8"
    assert config.performance_mode == "throughput"
    assert len(text.text.split()) > 8
    assert 0.5 <= judged.probability < 1.0


def test_the_printed_command_starts_a_server_with_the_engine_s_arguments():
    """vLLM's own parser reads it; nothing is started."""
    from vllm import AsyncEngineArgs

    from synth.engine.vllm import engine_settings
    from synth.serve_command import command_of

    spec = spec_of()
    command = command_of(engine_settings(spec), spec)
    words = shlex.split(command.replace("\\\n", ""))
    program = words.index("serve" if "serve" in words else "--model")
    parsed = parse_serve_options(words[program + 1 :])
    assert parsed.model_tag == spec.model.name
    assert parsed.enable_prompt_tokens_details
    read, own = AsyncEngineArgs.from_cli_args(parsed), AsyncEngineArgs(**engine_settings(spec))
    read.model = parsed.model_tag
    bare = AsyncEngineArgs.from_cli_args(parse_serve_options([])), AsyncEngineArgs()
    # Some defaults of the command line are others than those of the class.
    assert difference(read, own) <= difference(*bare)
    assert len(difference(*bare)) < 10
    assert read.kv_cache_dtype == "fp8"
    assert read.additional_config == {"note": "it's one"}


def difference(some, others):
    return {key for key in vars(some) if getattr(some, key) != getattr(others, key)}


def parse_serve_options(words):
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    try:
        from vllm.entrypoints.launchers.cli_args import make_arg_parser
    except ImportError:  # until 0.29
        from vllm.entrypoints.openai.cli_args import make_arg_parser
    return make_arg_parser(FlexibleArgumentParser()).parse_args(words)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("engine.vllm.max_logprob=5", r"^engine\.vllm\.max_logprob: .*mean 'max_logprobs'\?$"),
        ("engine.vllm.max_logprobs=x", r"^engine\.vllm\.max_logprobs: .*valid integer"),
        (
            "engine.kv_cache_dtype=fp9",
            r"^engine\.kv_cache_dtype: vLLM .* is 'fp9': Input should be",
        ),
        ("engine.quantization=fp9", r"^engine: vLLM .* Unknown quantization method: fp9"),
        ("engine.vllm.compilation_config.x=1", r"^engine\.vllm\.compilation_config: vLLM .*x is 1"),
        ("engine.speculative.method=ngram", r"^engine\.speculative: needs a GPU"),
        ("engine.performance_mode=fast", r"^engine\.performance_mode: vLLM .* is 'fast'"),
        ("engine.reproducible=true", r"^engine\.reproducible: needs a GPU"),
    ],
)
def test_what_vllm_cannot_use_is_one_line_before_anything_starts(override, message):
    with pytest.raises(ConfigError, match=message) as error:
        prepare_engine(spec_of(override))
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.exhaustive
def test_an_adapter_that_vllm_refuses_is_one_line(runner, tmp_path):
    """It is started for a smaller rank than the adapter's patterns have."""
    from synth.engine.vllm import VllmEngine

    tiny = build_tiny_model(tmp_path / "tiny")
    folder = add_adapter(tiny, tmp_path / "adapter", rank_pattern={"q_proj": 32})
    loaded = load_adapter("generator@1", folder, str(tiny))
    assert loaded.served_rank == 32
    config = load_config(RunConfig, Path("configs/cpu.yaml"), [*OVERRIDES, f"model.name={tiny}"])
    chat = ChatTokenizer.load(config.model)
    too_small = (replace(loaded, served_rank=8),)
    with pytest.raises(ConfigError, match=r"adapter .*: vLLM .* refuses it: .*\b32\b") as caught:
        runner.run(VllmEngine.start(EngineSpec(config.model, config.engine, too_small), chat))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
