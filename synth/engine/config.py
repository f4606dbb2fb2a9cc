"""What an engine is told: the model, how it is served, how tokens are drawn."""

from datetime import date
from typing import Any, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from selflengthen.settings import Settings, is_reference

TemplateValue = str | bool | int | float


class ModelConfig(Settings):
    """The base model, served once; both roles are adapters on it."""

    name: str = Field(min_length=1)
    """Hub id or local folder."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    trust_remote_code: bool = False
    """Run code that the model's repository brings."""
    system_prompt: str | None = None
    """System turn of every conversation; unset leaves it to the chat template."""
    chat_template_kwargs: dict[str, TemplateValue] = {}
    """Further variables of the chat template, e.g. `date_string` or `enable_thinking`."""
    template_date: date | None = Field(None, strict=False)
    """The day that a chat template which names today's date is told; null: that of the run's first
    start, or the one that the configured adapters were trained with."""


class EngineConfig(Settings):
    """vLLM in this process, or vLLM servers that run already."""

    kind: str = "vllm"
    """`vllm` starts an engine here; `server` asks those at `urls`, started with the same model;
    `package.module:Name` is a class of one's own."""
    urls: tuple[str, ...] = Field((), strict=False)
    """Addresses of the servers, e.g. `http://node-7:8000`."""
    replicas: int | None = Field(None, ge=1)
    """Engines, each in a process that Ray places and restarts; null: one, in this process."""
    max_num_seqs: int = Field(ge=1)
    """Sequences that vLLM runs at once, each server for itself. Always set: the default of AsyncLLM
    is far below LLM's."""
    max_num_batched_tokens: int = Field(ge=1)
    """Tokens of one engine step, prompts and outputs together."""
    max_model_len: int = Field(ge=128)
    """Longest prompt and completion together, in tokens."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Type of weights and activations; auto is bfloat16, or float32 on a CPU that emulates it."""
    tensor_parallel_size: int = Field(1, ge=1)
    """GPUs that share one copy of the model."""
    gpu_memory_utilization: float = Field(0.92, gt=0.0, le=1.0)
    """Share of a GPU's memory that vLLM may use."""
    kv_cache_memory_bytes: int | None = Field(None, ge=1)
    """Size of the KV cache; set on a CPU, where it would otherwise take most of the memory."""
    block_size: int | None = Field(None, ge=1)
    """Tokens in a block of the KV cache: the grain at which prefixes are shared."""
    enforce_eager: bool = False
    """Skip compilation: starts sooner, runs slower on a GPU."""
    omp_threads_bind: str | None = None
    """CPU cores of the engine's threads, e.g. `0-1` (vLLM on a CPU only); with replicas, those of
    each in turn: `0|1`."""
    admission_ratio: float = Field(1.2, ge=1.0, le=2.0)
    """Requests kept in vLLM as a multiple of `max_num_seqs`; the backlog waits outside."""
    stream_interval: int = Field(16, ge=1)
    """Tokens between two looks at a growing text."""
    work_ahead: bool = True
    """Make what will probably be needed while there is room: later tries, extensions of responses
    that are not ranked yet. No result depends on it; tokens in vain are booked as `speculative`."""
    stall_timeout_s: float = Field(600.0, gt=0.0)
    """Seconds in which an engine with requests does nothing at all before it counts as dead."""
    max_deaths: int = Field(3, ge=1)
    """Deaths of the engine in a row, without one completion after them, that end the run."""
    per_request_seeds: bool = False
    """Give each request its own sampler seed; on a GPU this turns vLLM's fast sampler off, on a CPU
    it needs `max_num_batched_tokens` of at least `max_model_len`."""
    kv_cache_dtype: str | None = None
    """Type of keys and values in the cache, e.g. `fp8`, which lets it hold twice the tokens of
    bfloat16; null: vLLM's default."""
    quantization: str | None = None
    """Quantization of the weights, e.g. `fp8_per_tensor` for one that vLLM makes as it loads them
    (names differ by its version); null: what the model's files say."""
    speculative: dict[str, JsonValue] | None = None
    """Speculative decoding, as vLLM's `speculative_config`: e.g. `{method: ngram_gpu,
    num_speculative_tokens: 3}`; null: none. Needs a GPU."""
    performance_mode: str | None = None
    """vLLM's argument: `balanced`, `interactivity` or `throughput`; null: its default. In vLLM 0.26
    to 0.32, `throughput` only doubles two numbers that are always set here."""
    reproducible: bool = False
    """The same texts whatever else is in the batch: vLLM's batch invariance and a seed for each
    request. Slower; needs a GPU."""
    vllm: dict[str, JsonValue] = {}
    """Further engine arguments of the installed vLLM, by its names: e.g. `{async_scheduling:
    false}`; null: its default. Those that are set by another key are refused."""

    @property
    def capacity(self) -> int:
        """Requests kept in one engine: slightly more than run at once, so none waits for us."""
        return max(1, int(self.max_num_seqs * self.admission_ratio))

    @property
    def seeds_requests(self) -> bool:
        """Whether each request has its own sampler seed."""
        return self.per_request_seeds or self.reproducible

    @property
    def vllm_arguments(self) -> dict[str, JsonValue]:
        """The further engine arguments that are set."""
        return {key: value for key, value in self.vllm.items() if value is not None}

    @field_validator("kind")
    @classmethod
    def _check_kind(cls, kind: str) -> str:
        if kind not in ("vllm", "server") and not is_reference(kind):
            raise ValueError("use `vllm`, `server` or package.module:Name")
        return kind

    @model_validator(mode="after")
    def _check_urls(self) -> "EngineConfig":
        if self.kind == "server" and not self.urls:
            raise ValueError("kind `server` needs the servers' addresses in urls")
        if self.kind != "server" and self.urls:
            raise ValueError(f"urls are for kind `server`, not `{self.kind}`")
        for url in self.urls:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"urls: {url!r} does not begin with http:// or https://")
        return self


class Sampling(Settings):
    """Sampling parameters, by the names that vLLM has for them."""

    temperature: float = Field(0.7, ge=0.0, le=2.0)
    """Softmax temperature."""
    top_p: float = Field(1.0, gt=0.0, le=1.0)
    """Nucleus sampling; sorting the vocabulary for it is slow on a CPU."""
    top_k: int = Field(20, ge=0)
    """Number of likeliest tokens sampled from; 0 is all."""
    repetition_penalty: float = Field(1.1, gt=0.0, le=2.0)
    """Penalty on tokens of the prompt and the output so far. The end-of-turn token, which stands in
    the prompt, pays it too: the larger the penalty, the fewer answers end by themselves."""
    frequency_penalty: float = Field(0.0, ge=-2.0, le=2.0)
    """Penalty on tokens of the output, times their number so far."""
    presence_penalty: float = Field(0.0, ge=-2.0, le=2.0)
    """Penalty on tokens of the output, once."""
    stop: tuple[str, ...] = Field((), strict=False)
    """Strings that end a text, beside the end-of-turn token."""

    def parameters(self) -> dict[str, Any]:
        """Return these parameters, and none of a subclass."""
        return self.model_dump(mode="json", include=set(Sampling.model_fields))


NEUTRAL = Sampling(temperature=1.0, top_k=0, repetition_penalty=1.0)
"""As the model's own probabilities are."""
