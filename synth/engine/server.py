"""One vLLM server that somebody runs: OpenAI's completions endpoint with token-id prompts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from selflengthen.chat.encoding import ChatTemplateError
from selflengthen.errors import first_line
from synth.engine.base import Completion, EngineLoad, FinishReason, NewWatch, Request, WatchCall
from synth.engine.chat import ChatTokenizer, probability_of
from synth.engine.config import EngineConfig
from synth.engine.errors import (
    BusyEngineError,
    ClosedEngineError,
    EngineError,
    failed,
    template_refused,
    too_long,
)
from synth.engine.load import RequestCounter

# These say that the request is at fault, not the server.
REFUSALS = (400, 413, 422)
# These ask to come again later; the server lives.
_NOT_NOW = (429, 503)
_DATA, _DONE = "data: ", "[DONE]"
_TOKEN_ID = "token_id:"


class ServerEngine:
    """Streams completions from one server; a text is ended early by hanging up."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        models: Mapping[str | None, str],
        chat: ChatTokenizer,
        config: EngineConfig,
    ) -> None:
        """Take what `server_connection.connect` found out.

        Args:
            models: The name under which the server knows each adapter, and the base model (None).
        """
        self._client = client
        self._models = models
        self._chat = chat
        self._config = config
        self._counter = RequestCounter(config.max_num_seqs)

    @property
    def num_seqs(self) -> int:
        """Sequences that the server runs at once, as the configuration says."""
        return self._config.max_num_seqs

    @property
    def capacity(self) -> int:
        """Slightly more than the sequences that run at once."""
        return self._config.capacity

    def load(self) -> EngineLoad:
        """Return what this run asked of the server; others may use it too."""
        return self._counter.load()

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Serve one request.

        Raises: EngineError: the server is gone, or refuses everything. TurnedAwayError: it was left
            out meanwhile, or asks to wait.
        """
        if request.is_scored:
            return failed("engine_error: servers are asked for no log probabilities of prompts")
        try:
            prompt = await asyncio.to_thread(self._chat.encode, request)
        except ChatTemplateError as error:
            return template_refused(error)
        room = self._config.max_model_len - len(prompt.ids)
        if room < 1:
            return too_long(len(prompt.ids), self._config.max_model_len)
        if self._client.is_closed:
            raise ClosedEngineError(f"server {self._client.base_url} was left out")
        body = self._body(request, prompt.ids, room, list(prompt.choices))
        self._counter.begin()
        try:
            async with self._client.stream("POST", "/v1/completions", json=body) as response:
                if response.status_code in REFUSALS:
                    return failed(f"engine_error: {await message_of(response)}")
                await check(response)
                reading = _Reading(
                    self._counter, prompt.choices, new_watch() if new_watch else None
                )
                return await reading.read(_chunks(response))
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise unreachable(self._client, error) from error
        finally:
            self._counter.end()

    async def close(self) -> None:
        """Close the connections; the server goes on."""
        await self._client.aclose()

    def _body(
        self, request: Request, prompt_ids: list[int], room: int, first_tokens: list[int]
    ) -> dict[str, Any]:
        decoding = request.decoding
        body = {
            "model": self._models[request.adapter],
            "prompt": prompt_ids,
            "priority": request.priority,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        }
        if first_tokens:
            return body | {
                "max_tokens": 1,
                "top_k": 1,
                "allowed_token_ids": first_tokens,
                "return_token_ids": True,
                "logprobs": 1,
                "logprob_token_ids": first_tokens,
                "return_tokens_as_token_ids": True,
            }
        return body | {
            "max_tokens": min(decoding.max_completion_tokens, room),
            **decoding.sampling.parameters(),
            "seed": decoding.seed if self._config.seeds_requests else None,
        }


class _Reading:
    """Reads the chunks of one completion, to its end or to the watch's objection."""

    def __init__(
        self, counter: RequestCounter, choices: Mapping[int, str], watch: WatchCall | None
    ) -> None:
        self._counter = counter
        self._choices = choices
        self._watch = watch
        self._pieces: list[str] = []
        self._tokens = {"prompt": 0, "cached": 0, "generated": 0}
        self._end: FinishReason | None = None
        self._probability: float | None = None

    async def read(self, chunks: AsyncIterator[dict[str, Any]]) -> Completion:
        """Return the completion.

        Raises: EngineError: the stream ended without an end.
        """
        async for chunk in chunks:
            if error := chunk.get("error"):
                return _refused_midway(error)
            self._count(chunk.get("usage") or {})
            for choice in chunk["choices"]:
                if objection := self._take(choice):
                    return self._completion(FinishReason.ABORT, objection)
        if self._end is None:
            raise EngineError("a server hung up in the middle of a text")
        return self._completion(self._end)

    def _take(self, choice: dict[str, Any]) -> str | None:
        """Take over a piece of text; return the watch's objection to what there is now."""
        piece = self._choose(choice) if self._choices and choice["token_ids"] else choice["text"]
        self._pieces.append(piece)
        if choice["finish_reason"] is not None:
            self._end = FinishReason(choice["finish_reason"])
        elif self._watch:
            return self._watch(piece)
        return None

    def _choose(self, choice: dict[str, Any]) -> str:
        chosen: int = choice["token_ids"][0]
        self._probability = probability_of(chosen, self._choices, _logprobs(choice))
        return self._choices[chosen]

    def _count(self, usage: dict[str, Any]) -> None:
        found = {
            "prompt": usage.get("prompt_tokens", 0),
            "generated": usage.get("completion_tokens", 0),
            "cached": (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        }
        more = {kind: max(0, found[kind] - known) for kind, known in self._tokens.items()}
        self._counter.count(**more)
        self._tokens = {kind: known + more[kind] for kind, known in self._tokens.items()}

    def _completion(self, reason: FinishReason, detail: str | None = None) -> Completion:
        return Completion(
            text="".join(self._pieces),
            finish_reason=reason,
            num_prompt_tokens=self._tokens["prompt"],
            num_cached_tokens=self._tokens["cached"],
            num_generated_tokens=self._tokens["generated"],
            detail=detail,
            probability=self._probability,
        )


def _logprobs(choice: dict[str, Any]) -> dict[int, float]:
    """Return the log probabilities of the first token and those asked for beside it."""
    first, *_ = (choice.get("logprobs") or {}).get("top_logprobs") or [{}]
    return {int(name.removeprefix(_TOKEN_ID)): value for name, value in (first or {}).items()}


async def check(response: httpx.Response) -> None:
    """Check that a response brings what was asked for.

    Raises: EngineError: it says why not. BusyEngineError: not now.
    """
    if response.status_code == httpx.codes.OK:
        return
    reason = f"server {response.url}: {response.status_code}: {await message_of(response)}"
    if response.status_code in _NOT_NOW:
        raise BusyEngineError(reason, _asked_wait_s(response, datetime.now(UTC)))
    raise EngineError(reason)


def _asked_wait_s(response: httpx.Response, now: datetime) -> float | None:
    """Read `Retry-After`, in seconds or as a date; None if it is not there or neither."""
    asked = response.headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        when = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


async def message_of(response: httpx.Response) -> str:
    """Return what a response that refuses says."""
    content = (await response.aread()).decode("utf-8", "replace").strip()
    try:
        body = orjson.loads(content)
        content = str((body.get("error") or body)["message"])
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        pass
    return next(iter(content.splitlines()), response.reason_phrase)[:300]


def unreachable(
    client: httpx.AsyncClient, error: httpx.HTTPError | httpx.StreamError
) -> EngineError:
    """Return the error for a server that does not answer."""
    return EngineError(f"server {client.base_url}: {type(error).__name__}: {first_line(error)}")


async def _chunks(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield the objects of a stream of server-sent events."""
    async for line in response.aiter_lines():
        if line.startswith(_DATA) and line != _DATA + _DONE:
            yield orjson.loads(line.removeprefix(_DATA))


def _refused_midway(error: dict[str, Any]) -> Completion:
    """Return what came of a request that the server gave up.

    Raises: EngineError: it gave up itself.
    """
    message = str(error.get("message", error))
    if error.get("code") in REFUSALS:
        return failed(f"engine_error: {message}")
    raise EngineError(f"a server gave up in the middle of a text: {message}")
