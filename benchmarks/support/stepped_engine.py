"""An engine in virtual time whose steps take the longer the more sequences run.

What a request writes and whether it is accepted are drawn by its id, so that every schedule has the
same work.
"""

import asyncio
import heapq
import random
from dataclasses import dataclass, field
from itertools import count

from filters.rule import Circumstances
from synth.engine.admission.spare import TAKEN_BACK
from synth.engine.base import (
    Completion,
    EngineLoad,
    FinishReason,
    NewWatch,
    Request,
    WatchCall,
)
from synth.method.stages import Stage

_BAD = "bad"
_INSTRUCTION_TOKENS, _INSTRUCTION_WORDS = 40, 12
_INITIAL_WORDS = 20


class MarkedTexts:
    """A filter profile that drops what the engine marked."""

    def judge(self, text: str, _known: Circumstances) -> str | None:
        """Return the mark."""
        return _BAD if text.startswith(_BAD) else None

    def trim(self, text: str) -> str:
        """Cut nothing."""
        return text.strip()

    def watch(self, _known: Circumstances) -> None:
        """Return none."""

    def watch_draft(self) -> None:
        """Return none."""


@dataclass(frozen=True)
class Work:
    """How much requests write, and how much of it is accepted."""

    initial_tokens: float = 1200
    stage_1_tokens: float = 1500
    stage_2_tokens: float = 1800
    more_per_round: float = 600
    """Tokens of stage 2 per micro-iteration."""
    sigma: float = 0.6
    """Of the lognormal lengths, whose means the above are."""
    runaways: float = 0.02
    """Share of the requests that write to the limit."""
    max_tokens: int = 16_384
    initial_acceptance: float = 0.6
    extension_acceptance: float = 0.5
    """Of a try, with all its rounds."""

    def tokens(self, request: Request, rng: random.Random) -> int:
        """Draw how much a request writes, in tokens."""
        if request.choices:
            return 1
        if request.kind is Stage.EXPAND:
            return _INSTRUCTION_TOKENS
        if rng.random() < self.runaways:
            return self.max_tokens
        mean = {
            Stage.GENERATE: self.initial_tokens,
            Stage.EXTEND_HEAD: self.stage_1_tokens,
            Stage.EXTEND_TAIL: self.stage_2_tokens + self.more_per_round * _round(request),
        }[Stage(request.kind)]
        drawn = mean * rng.lognormvariate(-(self.sigma**2) / 2, self.sigma)
        return max(1, min(round(drawn), self.max_tokens))

    def text(self, request: Request, rng: random.Random) -> str:
        """Write what the pipeline looks at: a good text, or one that the filter drops."""
        if request.choices:
            return request.choices[0]
        if request.kind is Stage.EXPAND:
            words = " ".join(f"w{rng.randrange(10**6)}" for _ in range(_INSTRUCTION_WORDS))
            return f" Write about {words}."
        if request.kind is Stage.GENERATE:
            is_good = rng.random() < self.initial_acceptance
            return _words("initial", _INITIAL_WORDS) if is_good else _BAD
        if request.kind is Stage.EXTEND_HEAD:
            return _words("head", _INITIAL_WORDS)
        one_try = request.id.rpartition("/")[0]
        is_good = random.Random(f"{one_try} try").random() < self.extension_acceptance
        num_words = round(_INITIAL_WORDS * (1.5 + 0.5 * _round(request)))
        return _words(" tail", num_words) if is_good else ""


def _words(name: str, number: int) -> str:
    """Return words that are not those of other texts: nothing is said again."""
    return " ".join(f"{name}{place}" for place in range(number))


def _round(request: Request) -> int:
    return int(request.id.rpartition("-")[2])


@dataclass(frozen=True)
class Speed:
    """How fast an engine is; by default about an 8B model on an H100."""

    num_seqs: int = 256
    """Sequences that run at once."""
    stream_interval: int = 16
    """Tokens between two looks at growing texts."""
    step_ms: float = 15.0
    """Of a step, whoever runs."""
    sequence_ms: float = 0.03
    """More for each sequence."""

    def step_s(self, num_running: int) -> float:
        """Return how long a step takes, in seconds."""
        return (self.step_ms + self.sequence_ms * num_running) / 1000


@dataclass
class Load:
    """What an engine did, in seconds of virtual time."""

    first_s: float | None = None
    last_s: float = 0.0
    sequence_seconds: float = 0.0
    below_half_s: float = 0.0
    num_tokens: int = 0


@dataclass(frozen=True)
class _Begun:
    at: float
    """Progress of the engine at the request's beginning."""
    done: asyncio.Future[bool]
    """True once all is written, False when a watch ended it."""


@dataclass
class SteppedEngine:
    """Sequences advance together, one token a step."""

    speed: Speed
    work: Work
    load_of: Load = field(default_factory=Load)

    def __post_init__(self) -> None:
        self._running: list[tuple[float, int, asyncio.Future[bool]]] = []
        self._watched: dict[asyncio.Future[bool], WatchCall] = {}
        self._number = count()
        self._progress = 0.0
        """Tokens that a sequence has which runs since the beginning."""
        self._at_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def num_seqs(self) -> int:
        """Sequences that run at once."""
        return self.speed.num_seqs

    @property
    def capacity(self) -> int:
        """As many as run: the simulation has no queue inside the engine."""
        return self.num_seqs

    def load(self) -> EngineLoad:
        """Return the tokens it gave."""
        return EngineLoad(num_generated_tokens=self.load_of.num_tokens)

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Answer when the tokens have been written, or the watch ends it."""
        rng = random.Random(f"{request.id} work")
        num_tokens = self.work.tokens(request, rng)
        began = self._begin(num_tokens, new_watch() if new_watch else None)
        if not await began.done:
            written = max(1, round(self._progress - began.at))
            self.load_of.num_tokens += written
            return Completion("", FinishReason.ABORT, 0, 0, written, TAKEN_BACK)
        self.load_of.num_tokens += num_tokens
        is_cut = num_tokens == self.work.max_tokens
        text = (
            _BAD if is_cut and request.kind is Stage.EXTEND_HEAD else self.work.text(request, rng)
        )
        reason = FinishReason.LENGTH if is_cut else FinishReason.STOP
        return Completion(text, reason, 0, 0, num_tokens)

    async def close(self) -> None:
        """Do nothing."""

    def _begin(self, num_tokens: int, watch: WatchCall | None) -> _Begun:
        loop = asyncio.get_running_loop()
        self._advance(loop.time())
        done: asyncio.Future[bool] = loop.create_future()
        heapq.heappush(self._running, (self._progress + num_tokens, next(self._number), done))
        if watch is not None:
            self._watched[done] = watch
        self._set_timer(loop)
        return _Begun(self._progress, done)

    def _step_s(self) -> float:
        return self.speed.step_s(len(self._running))

    def _advance(self, now_s: float) -> None:
        seconds, load = now_s - self._at_s, self.load_of
        if self._running:
            self._progress += seconds / self._step_s()
            load.sequence_seconds += seconds * len(self._running)
        if load.first_s is not None and 2 * len(self._running) < self.num_seqs:
            load.below_half_s += seconds
        load.first_s = now_s if load.first_s is None else load.first_s
        self._at_s = load.last_s = now_s

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._running:
            seconds = max(0.0, (self._running[0][0] - self._progress) * self._step_s())
            if self._watched:
                seconds = min(seconds, self.speed.stream_interval * self._step_s())
            self._timer = loop.call_later(seconds, self._finish)

    def _finish(self) -> None:
        loop = asyncio.get_running_loop()
        self._advance(loop.time())
        self._look()
        while self._running and self._running[0][0] <= self._progress + 1e-6:
            _, _, done = heapq.heappop(self._running)
            self._watched.pop(done, None)
            if not done.done():
                done.set_result(True)
        self._set_timer(loop)

    def _look(self) -> None:
        """Let watches end what they watch; like vLLM, at intervals."""
        lost = {done for done, watch in self._watched.items() if watch("")}
        for done in lost:
            del self._watched[done]
            done.set_result(False)
        if lost:
            self._running = [one for one in self._running if one[2] not in lost]
            heapq.heapify(self._running)
