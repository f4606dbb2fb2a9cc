"""Connecting to a vLLM server: what it serves is checked, and the adapters are loaded there."""

import os

import httpx

from selflengthen.adapter.named import Adapter
from selflengthen.errors import CommandError, ConfigError
from synth.engine.base import EngineSpec
from synth.engine.chat import ChatTokenizer
from synth.engine.errors import EngineError
from synth.engine.server import REFUSALS, ServerEngine, check, message_of, unreachable

API_KEY = "VLLM_API_KEY"
"""Environment variable with the servers' API key; vLLM's servers read the same one."""

_CONNECT_TIMEOUT_S = 10.0
# Errors of the server, or of a gateway before it, rather than with the adapter.
_SERVER_ERRORS = (429, 502, 503, 504)
_NO_SUCH_PLACE = {"detail": "Not Found"}


async def connect(url: str, spec: EngineSpec, chat: ChatTokenizer) -> ServerEngine:
    """Return an engine on the server at `url`, e.g. `http://node-7:8000`.

    Raises: EngineError: the server does not answer, serves another model, or takes no adapters.
        ConfigError: it refuses an adapter.
    """
    try:
        client = _client(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise EngineError(f"engine.urls: {url!r}: {error}; give http://HOST:PORT") from None
    try:
        models: dict[str | None, str] = {None: await _base_model(client, spec)}
        for adapter in spec.adapters:
            models[adapter.name] = await _load_adapter(client, adapter)
        return ServerEngine(client, models, chat, spec.config)
    except httpx.HTTPError as error:
        await client.aclose()
        raise unreachable(client, error) from error
    except (ValueError, KeyError, TypeError, AttributeError):
        await client.aclose()
        raise EngineError(
            f"server {url} does not answer as vLLM's server does; give the address of one"
        ) from None
    except CommandError:
        await client.aclose()
        raise


def _client(url: str) -> httpx.AsyncClient:
    key = os.environ.get(API_KEY)
    return httpx.AsyncClient(
        # What clients of OpenAI's API are given ends so.
        base_url=url.rstrip("/").removesuffix("/v1"),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        # A text takes as long as it takes; an engine that does nothing at all is noticed elsewhere.
        timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
        limits=httpx.Limits(max_connections=None),
        trust_env=False,
    )


async def _base_model(client: httpx.AsyncClient, spec: EngineSpec) -> str:
    """Return the server's name for the base model."""
    model, config = spec.model, spec.config
    response = await client.get("/v1/models")
    await check(response)
    served = [card for card in response.json()["data"] if not card.get("parent")]
    card = next((card for card in served if model.name in (card["id"], card.get("root"))), None)
    if card is None:
        names = ", ".join(str(card["id"]) for card in served)
        raise EngineError(
            f"server {client.base_url} serves {names}, not model.name {model.name!r}; start it "
            f"with that model, or with --served-model-name {model.name}"
        )
    longest = card.get("max_model_len")
    if longest is not None and longest < config.max_model_len:
        raise EngineError(
            f"server {client.base_url} serves {longest} tokens at most, engine.max_model_len is "
            f"{config.max_model_len}; start it with --max-model-len {config.max_model_len}"
        )
    return str(card["id"])


async def _load_adapter(client: httpx.AsyncClient, adapter: Adapter) -> str:
    """Load an adapter, if it is not there yet; return the server's name for it."""
    name = adapter.name_on_servers
    request = {"lora_name": name, "lora_path": str(adapter.path.resolve())}
    response = await client.post("/v1/load_lora_adapter", json=request)
    if response.status_code == httpx.codes.NOT_FOUND and response.json() == _NO_SUCH_PLACE:
        raise EngineError(
            f"server {client.base_url} loads no adapters; start it with --enable-lora, "
            f"--max-lora-rank {adapter.served_rank} and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"
        )
    if response.status_code in REFUSALS and "already" in response.text:
        return name
    if response.status_code in _SERVER_ERRORS:
        await check(response)
    if response.status_code != httpx.codes.OK:
        raise ConfigError(
            f"server {client.base_url}: adapter {adapter.path}: {await message_of(response)}; "
            "the server must see the same path, and be started for such adapters"
        )
    return name
