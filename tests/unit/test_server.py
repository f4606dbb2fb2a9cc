"""What is said to a vLLM server, and what is made of its answers; the server is scripted."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import orjson
import pytest

from scripted_engine import request
from selflengthen.errors import ConfigError
from synth.config import EngineConfig, ModelConfig
from synth.engine import server_connection
from synth.engine.base import EngineSpec, FinishReason
from synth.engine.chat import Encoded
from synth.engine.errors import BusyEngineError, ClosedEngineError, EngineError
from synth.engine.server_connection import connect

MODEL = ModelConfig(name="org/model")
CARD = {"id": "org/model", "root": "org/model", "max_model_len": 4096}


class Characters:
    """A tokenizer of characters."""

    def encode(self, request):
        ids = [ord(character) for character in request.user + request.prefill]
        return Encoded(ids, {ord(choice[0]): choice for choice in request.choices})


def event(**fields):
    return b"data: " + orjson.dumps(fields) + b"\n\n"


def piece(text, number, finish_reason=None):
    usage = {"prompt_tokens": 5, "completion_tokens": number}
    return event(choices=[{"text": text, "finish_reason": finish_reason}], usage=usage)


END = (
    event(
        choices=[],
        usage={
            "prompt_tokens": 5,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 3},
        },
    )
    + b"data: [DONE]\n\n"
)


class ScriptedServer:
    """Answers by path."""

    def __init__(self, completions=None, cards=(CARD,), adapters=None):
        self._cards = cards
        self._completions = completions or httpx.Response(200, content=b"")
        self._adapters = adapters
        self.bodies = []
        self.headers = None

    def __call__(self, asked):
        self.headers = asked.headers
        if asked.url.path == "/v1/models":
            return httpx.Response(200, json={"data": list(self._cards)})
        self.bodies.append(orjson.loads(asked.content))
        if asked.url.path == "/v1/load_lora_adapter":
            return self._adapters
        return self._completions


@pytest.fixture
def ask(monkeypatch):
    """Return a function that connects to a scripted server and asks it something."""

    def ask(server, asked=None, new_watch=None, adapters=(), **settings):
        url, chat = settings.pop("url", "http://one"), settings.pop("chat", Characters())
        config = EngineConfig(
            **{"max_num_seqs": 4, "max_num_batched_tokens": 64, "max_model_len": 128, **settings}
        )
        client_class = httpx.AsyncClient
        transport = httpx.MockTransport(server)
        monkeypatch.setattr(
            server_connection.httpx,
            "AsyncClient",
            lambda **options: client_class(**options, transport=transport),
        )

        async def run():
            engine = await connect(url, EngineSpec(MODEL, config, tuple(adapters)), chat)
            chat.engine = engine
            completion = await engine.generate(asked, new_watch) if asked else None
            load = engine.load()
            await engine.close()
            return completion, load

        return asyncio.run(run())

    return ask


def test_pieces_become_a_completion_with_the_server_s_token_counts(ask):
    server = ScriptedServer(
        httpx.Response(200, content=piece("One ", 2) + piece("two.", 4, "stop") + END)
    )
    completion, load = ask(server, request(1))
    assert completion.text == "One two."
    assert completion.finish_reason is FinishReason.STOP
    counts = (completion.num_prompt_tokens, completion.num_cached_tokens)
    assert (*counts, completion.num_generated_tokens) == (5, 3, 4)
    assert (load.num_prompt_tokens, load.num_generated_tokens) == (5, 4)
    assert load.num_running == 0


def test_a_watch_s_objection_hangs_up(ask):
    async def endless():
        number = 0
        while True:
            number += 1
            yield piece(f"piece {number} ", number)

    server = ScriptedServer(httpx.Response(200, content=endless()))
    completion, load = ask(
        server, request(1), lambda: lambda text: "loop" if "piece 7" in text else None
    )
    assert completion.finish_reason is FinishReason.ABORT
    assert completion.detail == "loop"
    assert completion.num_generated_tokens == load.num_generated_tokens == 7


def test_a_stream_that_breaks_off_is_a_death_and_no_text(ask):
    server = ScriptedServer(httpx.Response(200, content=piece("One ", 2)))
    with pytest.raises(EngineError, match="hung up"):
        ask(server, request(1))


@pytest.mark.parametrize("status", [500, 502, 401, 404])
def test_a_server_that_cannot_is_a_death(ask, status):
    server = ScriptedServer(httpx.Response(status, json={"error": {"message": "tired"}}))
    with pytest.raises(EngineError, match=f"{status}: tired"):
        ask(server, request(1))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "wait_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Fri, 01 Jan 2010 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_a_server_that_asks_to_wait_is_no_death(ask, status, asked, wait_s):
    busy = httpx.Response(status, headers=asked, json={"error": {"message": "tired"}})
    with pytest.raises(BusyEngineError, match=f"{status}: tired") as caught:
        ask(ScriptedServer(busy), request(1))
    assert caught.value.wait_s == wait_s


def test_a_date_to_come_again_is_understood(ask):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    busy = httpx.Response(503, headers={"Retry-After": later})
    with pytest.raises(BusyEngineError) as caught:
        ask(ScriptedServer(busy), request(1))
    assert 90 < caught.value.wait_s <= 100


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://one", "/v1/models"),
        ("http://one/", "/v1/models"),
        ("http://one/v1", "/v1/models"),
        ("http://one/v1/", "/v1/models"),
        ("http://one/llm/v1", "/llm/v1/models"),
        ("http://one/llm", "/llm/v1/models"),
    ],
)
def test_an_address_may_end_as_clients_of_openai_s_api_write_it(ask, url, path):
    asked = []

    def answer(sent):
        asked.append(sent.url.path)
        return httpx.Response(200, json={"data": [CARD]})

    ask(answer, url=url)
    assert asked == [path]


def test_a_request_on_a_client_that_was_closed_meanwhile_was_never_sent(ask):
    class SlowCharacters(Characters):
        def encode(self, asked):
            asyncio.run(self.engine.close())
            return super().encode(asked)

    chat = SlowCharacters()
    with pytest.raises(ClosedEngineError, match="was left out"):
        ask(ScriptedServer(), request(1), chat=chat)


def test_a_server_tells_no_log_probability_of_a_prompt(ask):
    server = ScriptedServer()
    completion, _ = ask(server, request(1, prefill="An answer.", is_scored=True))
    assert completion.finish_reason is FinishReason.ERROR
    assert "no log probabilities of prompts" in completion.detail
    assert completion.log_probability is None


def test_a_request_that_is_refused_is_an_outcome(ask):
    server = ScriptedServer(httpx.Response(400, json={"error": {"message": "bad\nlines"}}))
    completion, _ = ask(server, request(1))
    assert completion.finish_reason is FinishReason.ERROR
    assert completion.detail == "engine_error: bad"


def test_a_request_that_is_refused_in_its_stream_is_an_outcome(ask):
    refused = httpx.Response(200, content=event(error={"message": "no", "code": 400}))
    assert ask(ScriptedServer(refused), request(1))[0].detail == "engine_error: no"


def test_a_server_that_gives_up_in_a_stream_is_a_death(ask):
    dying = httpx.Response(200, content=event(error={"message": "dying", "code": 500}))
    with pytest.raises(EngineError, match="dying"):
        ask(ScriptedServer(dying), request(1))


def test_another_model_is_refused_with_the_remedy(ask):
    with pytest.raises(EngineError, match=r"serves other, not model\.name .*served-model-name"):
        ask(ScriptedServer(cards=[{**CARD, "id": "other", "root": "other"}]))


def test_a_server_with_shorter_texts_is_refused(ask):
    with pytest.raises(EngineError, match="start it with --max-model-len 128"):
        ask(ScriptedServer(cards=[{**CARD, "max_model_len": 127}]))


@pytest.fixture
def adapters(tmp_path):
    from selflengthen.adapter.named import Adapter

    return (Adapter("generator@1", tmp_path, 8, "0123456789abcdef"),)


def test_an_adapter_is_loaded_under_a_name_with_its_digest(ask, adapters, tmp_path):
    server = ScriptedServer(adapters=httpx.Response(200, text="Success"))
    ask(server, adapters=adapters)
    name = "generator@1-0123456789ab"
    assert server.bodies == [{"lora_name": name, "lora_path": str(tmp_path)}]


def test_an_adapter_that_is_there_already_is_used(ask, adapters):
    message = {"error": {"message": "The lora adapter 'x' has already been loaded."}}
    ask(ScriptedServer(adapters=httpx.Response(400, json=message)), adapters=adapters)


def test_a_server_that_loads_no_adapters_is_named_with_the_remedy(ask, adapters):
    server = ScriptedServer(adapters=httpx.Response(404, json={"detail": "Not Found"}))
    with pytest.raises(EngineError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"):
        ask(server, adapters=adapters)


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_an_adapter_that_a_server_refuses_is_the_person_s_mistake(ask, adapters, status):
    refusal = httpx.Response(status, json={"error": {"message": "rank 32 is too\nlarge"}})
    with pytest.raises(ConfigError, match=r"adapter .*: rank 32 is too; the server must see"):
        ask(ScriptedServer(adapters=refusal), adapters=adapters)


def test_a_gateway_that_fails_is_not_the_adapter_s_fault(ask, adapters):
    with pytest.raises(EngineError, match="502: "):
        ask(ScriptedServer(adapters=httpx.Response(502)), adapters=adapters)


def test_the_key_comes_from_the_environment(ask, monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "planted")
    server = ScriptedServer()
    ask(server)
    assert server.headers["authorization"] == "Bearer planted"


def test_an_address_of_something_else_is_named(ask):
    with pytest.raises(EngineError, match="http://one does not answer as vLLM's server does"):
        ask(lambda _: httpx.Response(200, text="<html>It works!</html>"))


def test_an_address_that_is_none_is_named():
    with pytest.raises(EngineError, match=r"engine.urls: 'http://node:80x': .*; give http://HOST"):
        asyncio.run(connect("http://node:80x", EngineSpec(MODEL, None), Characters()))
