"""Two real `vllm serve`, one core each: the texts of this process, also when one is killed."""

import asyncio
import json
from pathlib import Path

import pytest

from selflengthen.adapter.served import load_adapter
from selflengthen.chat.messages import conversation
from selflengthen.config_file import load_config
from synth.config import RunConfig
from synth.engine.base import Decoding, EngineSpec, FinishReason, Request
from synth.engine.chat import ChatTokenizer
from synth.engine.config import NEUTRAL
from trained_adapters import ANSWERS, MODEL
from vllm_run import RunUnderTest
from vllm_server import VllmServer

pytestmark = [
    pytest.mark.engine,
    pytest.mark.faults,
    pytest.mark.exhaustive,
]

ADAPTERS = (None, "generator@1", "extender@1")
OVERRIDES = [
    "engine.max_model_len=1024",
    "engine.max_num_seqs=16",
    "engine.max_num_batched_tokens=1024",
    "engine.dtype=float32",
    "engine.kv_cache_memory_bytes=800000000",
]


LITTLE_WORK = [
    "generate.attempts=2",
    "generate.max_completion_tokens=128",
    "extend.attempts=1",
    "extend.extensions=1",
    "extend.max_completion_tokens=160",
    "extend.max_stage_1_tokens=80",
]


def requests():
    """Return greedy requests of every role, as the pipeline makes them, and a judge's."""
    questions = ("Write about a river.", "Count from one to six.", "Describe a city at night.")
    asked = [
        make_request(f"{adapter}-{number}", adapter, user)
        for adapter in ADAPTERS
        for number, user in enumerate(questions)
    ]
    prefilled = make_request("prefilled", None, "Count to six.", prefill="One, two,")
    judged = make_request("judged", None, "Is water wet?", choices=("Yes", "No"))
    return [*asked, prefilled, judged]


def make_request(name, adapter, user, **more):
    sampling = NEUTRAL.model_copy(update={"temperature": 0.0})
    return Request(
        id=name,
        messages=conversation(user, None),
        decoding=Decoding(more.pop("max_tokens", 20), sampling),
        adapter=adapter,
        affinity=len(name) + sum(map(ord, name)),
        **more,
    )


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def adapters(trained_adapters):
    named = trained_adapters.items()
    return tuple(load_adapter(f"{role}@1", folder, MODEL) for role, folder in named)


@pytest.fixture(scope="module")
def in_process(runner, adapters):
    """Return the completions of the engine in this process; it is gone when the servers start."""
    from synth.engine.vllm import VllmEngine

    config = load_config(RunConfig, Path("configs/cpu.yaml"), OVERRIDES)
    chat = ChatTokenizer.load(config.model)

    async def ask():
        engine = await VllmEngine.start(EngineSpec(config.model, config.engine, adapters), chat)
        try:
            return [await engine.generate(request) for request in requests()]
        finally:
            await engine.close()

    return runner.run(ask())


@pytest.fixture(scope="module")
def servers(in_process, tmp_path_factory):
    folder = tmp_path_factory.mktemp("servers")
    servers = [VllmServer(core, folder / f"server-{core}.log") for core in (0, 1)]
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait()
        yield servers
    finally:
        for server in servers:
            server.kill()


@pytest.fixture(scope="module")
def fleet(runner, servers, adapters):
    from synth.engine.fleet import Fleet
    from synth.engine.server_connection import connect

    settings = {"engine": {"kind": "server", "urls": [server.url for server in servers]}}
    config = load_config(RunConfig, Path("configs/cpu.yaml"), OVERRIDES)
    engine = config.engine.model_copy(update=settings["engine"])
    chat = ChatTokenizer.load(config.model)

    def connecting(url):
        return lambda: connect(url, EngineSpec(config.model, engine, adapters), chat)

    fleet = runner.run(Fleet.start({url: connecting(url) for url in engine.urls}, engine, print))
    yield fleet
    runner.run(fleet.close())


def test_servers_write_what_the_engine_in_this_process_writes(runner, in_process, fleet):
    async def ask():
        return [await fleet.generate(request) for request in requests()]

    for request, expected, found in zip(requests(), in_process, runner.run(ask()), strict=True):
        assert found.text == expected.text, request.id
        assert found.finish_reason == expected.finish_reason
        assert found.num_prompt_tokens == expected.num_prompt_tokens
        assert found.num_generated_tokens == expected.num_generated_tokens
        assert (found.probability is None) == (not request.choices)
        assert found.probability == pytest.approx(expected.probability, abs=0.05)
        role = str(request.adapter).removesuffix("@1")
        assert (found.text == ANSWERS.get(role)) == (role in ANSWERS)


def test_hanging_up_ends_a_text_early(runner, fleet):
    seen = []

    def watch(piece):
        seen.append(piece)
        return "enough" if len(seen) == 3 else None

    asked = make_request("watched", None, "Tell a long story.", max_tokens=600)
    completion = runner.run(fleet.generate(asked, lambda: watch))
    assert completion.finish_reason is FinishReason.ABORT
    assert completion.detail == "enough"
    assert completion.num_generated_tokens < 40


def test_a_run_goes_on_when_one_of_two_servers_is_killed(servers, tmp_path):
    urls = json.dumps([server.url for server in servers])
    settings = [*OVERRIDES, *LITTLE_WORK, "engine.kind=server", f"engine.urls={urls}"]
    run = RunUnderTest(tmp_path / "out", *settings)
    run.wait_for("judge")
    servers[0].kill()
    code = run.wait_for_end()
    log = run.log.read_text()
    assert code in (0, 3), log
    assert "repeated elsewhere" in log
    iteration = run.out / "iteration-1"
    assert (iteration / "manifest.json").exists()
    metrics = json.loads((iteration / "metrics.json").read_bytes())
    assert metrics["tokens"]["generated"] == sum(row["generated"] for row in metrics["ledger"])
    assert metrics["engine"]["num_deaths"] == 1
