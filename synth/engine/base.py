"""The engine protocol: a request goes in, a completion comes out.

Nothing here knows about vLLM. An engine answers every request, also a failed one: a request that
cannot be served is a completion with `FinishReason.ERROR`, an engine that is gone is an exception.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from selflengthen.adapter.named import Adapter
from selflengthen.chat.messages import Message
from synth.engine.config import NEUTRAL, EngineConfig, ModelConfig, Sampling


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Decoding:
    """How one completion is drawn."""

    max_completion_tokens: int
    sampling: Sampling = NEUTRAL
    seed: int = 0
    """Derived from the run's seed and the request's id; engines may ignore it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the model: a conversation, and the beginning of the assistant's answer."""

    id: str
    """Unique in a run and the same in every repetition of it."""
    messages: tuple[Message, ...]
    """Turns with `role` and `content`; the last one is the user's."""
    decoding: Decoding
    prefill: str = ""
    is_scored: bool = False
    """Nothing is written: what is asked for is the log probability of the pre-filled beginning."""
    choices: tuple[str, ...] = ()
    """Where set, the answer is the likeliest of these, read from the model's first token."""
    adapter: str | None = None
    """Name of the adapter that answers; None: the base model."""
    kind: str = ""
    """What it is for: what is lost in a death of the engine is counted by it."""
    priority: int = 0
    """Smaller goes first; 0 also when an engine's other work is turned round."""
    affinity: int = 0
    """Requests of one number share prefixes: they stay together, and older numbers go first."""

    @property
    def user(self) -> str:
        """The last turn's text."""
        return self.messages[-1]["content"]


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote after the pre-filled beginning, and what it cost."""

    text: str
    finish_reason: FinishReason
    num_prompt_tokens: int
    num_cached_tokens: int
    """Prompt tokens whose keys and values were found in the prefix cache."""
    num_generated_tokens: int
    detail: str | None = None
    """The watch's reason for an abort, or the engine's message for an error."""
    probability: float | None = None
    """Of a choice among its request's choices; None: the engine does not tell."""
    log_probability: float | None = None
    """Of the pre-filled beginning, in nats, where the request asks for it and the engine tells."""
    num_scored_tokens: int = 0
    """Tokens of that beginning."""
    is_replayed: bool = field(default=False, compare=False)
    """Taken over from the journal of an earlier run."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of some requests, and how many requests they were."""

    requests: int = 0
    prompt: int = 0
    cached: int = 0
    generated: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.requests + other.requests,
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.generated + other.generated,
        )

    @classmethod
    def of(cls, completions: Iterable[Completion]) -> "Tokens":
        """Add up completions."""
        total = cls()
        for completion in completions:
            total += cls(
                1,
                completion.num_prompt_tokens,
                completion.num_cached_tokens,
                completion.num_generated_tokens,
            )
        return total


@dataclass(frozen=True, slots=True)
class Loss:
    """What dying engines had done for requests of a kind that they never finished."""

    kind: str
    requests: int
    prompt: int
    cached: int
    generated: int


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """How busy an engine is; shares are between 0 and 1."""

    num_running: int = 0
    num_waiting: int = 0
    kv_cache_usage: float = 0.0
    prefix_hit_rate: float = 0.0
    num_prompt_tokens: int = 0
    """Since the engine's start, like the two numbers below."""
    num_cached_tokens: int = 0
    """Prompt tokens found in the prefix cache."""
    num_generated_tokens: int = 0
    """Those of unfinished completions included."""
    mean_running: float = 0.0
    """Requests that ran, averaged over the time from the first step to the last."""
    num_deaths: int = 0
    """How often the engine died and was started again; the counters above go on."""
    losses: tuple[Loss, ...] = ()
    """By kind; their tokens are in the counters above."""
    num_engines: int = 1
    """Engines of which these are the sums, and the means of shares."""


WatchCall = Callable[[str], str | None]
"""Looks at each new piece of a text, and returns why the text is lost once it is."""
NewWatch = Callable[[], WatchCall | None]
"""Makes a watch for a text that begins; a request may be served more than once."""


class Engine(Protocol):
    """Serves requests concurrently, in any order."""

    @property
    def num_seqs(self) -> int:
        """How many requests run at once at most."""

    @property
    def capacity(self) -> int:
        """How many requests to keep in the engine at once."""

    def load(self) -> EngineLoad:
        """Return how busy the engine is."""

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Serve one request; a new watch is given every new piece of its text and may end it.

        Raises: EngineError: the engine is gone.
        """

    async def close(self) -> None:
        """Release the engine."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What an engine is started for."""

    model: ModelConfig
    config: EngineConfig
    adapters: tuple[Adapter, ...] = ()
    choices: tuple[str, ...] = ()
    """Answers of which requests will let the model choose one."""
    today: date | None = None
    """The day that chat templates are told; None: the real one."""


class OwnEngine:
    """The base of a person's own engine: one method is left to write, `generate`."""

    def __init__(self, spec: EngineSpec) -> None:
        """Take what it is started for."""
        self.spec = spec

    @property
    def num_seqs(self) -> int:
        """As configured."""
        return self.spec.config.max_num_seqs

    @property
    def capacity(self) -> int:
        """As configured."""
        return self.spec.config.capacity

    def load(self) -> EngineLoad:
        """Return nothing: it is not known."""
        return EngineLoad()

    async def close(self) -> None:
        """Do nothing."""


class EngineLayer:
    """The base of engines that stand before another; they add their own `generate`."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner

    @property
    def num_seqs(self) -> int:
        """The inner engine's sequences."""
        return self._inner.num_seqs

    @property
    def capacity(self) -> int:
        """The inner engine's capacity."""
        return self._inner.capacity

    def load(self) -> EngineLoad:
        """The inner engine's load."""
        return self._inner.load()

    async def close(self) -> None:
        """Close the inner engine."""
        await self._inner.close()
