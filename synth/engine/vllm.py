"""vLLM in this process: the one file of the synthesizer's own processes that imports it."""

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import vllm.exceptions
from vllm import AsyncEngineArgs, SamplingParams
from vllm.inputs import tokens_input
from vllm.lora.request import LoRARequest
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError
from vllm.v1.metrics.loggers import StatLoggerBase

from selflengthen.adapter.named import Adapter
from selflengthen.chat.encoding import ChatTemplateError
from selflengthen.errors import ConfigError, first_line
from selflengthen.process import parent_death, shared_memory
from synth.engine.base import (
    Completion,
    EngineLoad,
    EngineSpec,
    NewWatch,
    Request,
)
from synth.engine.chat import ChatTokenizer
from synth.engine.config import EngineConfig
from synth.engine.errors import EngineError, failed, template_refused, too_long
from synth.engine.inprocess.settings import (
    InstalledVllm,
    check_names,
    complaint,
    settings_of,
    tell,
)
from synth.engine.inprocess.stream import read, read_score
from synth.engine.load import LoadRecorder

# A request at fault: until 0.26 the latter, a ValueError.
_REQUEST_ERROR = getattr(vllm.exceptions, "VLLMClientError", vllm.exceptions.VLLMValidationError)
# What vLLM raises when it is given what it cannot use.
_COMPLAINTS = (ValueError, TypeError, KeyError, AttributeError, AssertionError, RuntimeError)


class VllmEngine:
    """AsyncLLM with token-id prompts, streamed watches and an adapter per request."""

    def __init__(
        self, llm: AsyncLLM, chat: ChatTokenizer, config: EngineConfig, loads: LoadRecorder
    ) -> None:
        self._llm = llm
        self._chat = chat
        self._config = config
        self._loads = loads
        self._adapters: dict[str, LoRARequest] = {}

    @classmethod
    async def start(cls, spec: EngineSpec, chat: ChatTokenizer) -> "VllmEngine":
        """Load the model and the adapters.

        Raises: EngineError: vLLM does not start, with its reason.
        """
        loads = LoadRecorder()
        prepare_environment(spec.config)
        settings = engine_settings(spec)
        try:
            arguments = AsyncEngineArgs(**settings, disable_log_stats=False)
            llm = AsyncLLM.from_engine_args(arguments, stat_loggers=[_logger_of(loads)])
        except (RuntimeError, ValueError, OSError) as error:
            reason = complaint(error, spec.config, vllm.__version__)
            raise EngineError(f"vLLM does not start: {reason}") from error
        engine = cls(llm, chat, spec.config, loads)
        await engine._load_adapters(spec.adapters)
        return engine

    @property
    def num_seqs(self) -> int:
        """Sequences that vLLM runs at once."""
        return self._config.max_num_seqs

    @property
    def capacity(self) -> int:
        """Slightly more than the sequences that run at once, so that none waits for us."""
        return self._config.capacity

    def load(self) -> EngineLoad:
        """Return vLLM's own counters of the last step."""
        return self._loads.load()

    async def generate(self, request: Request, new_watch: NewWatch | None = None) -> Completion:
        """Serve one request; one that the watch objects to is aborted within about a step."""
        try:
            prompt = await asyncio.to_thread(self._chat.encode, request)
        except ChatTemplateError as error:
            return template_refused(error)
        room = self._config.max_model_len - len(prompt.ids)
        if room < 1:
            return too_long(len(prompt.ids), self._config.max_model_len)
        stream = self._llm.generate(
            tokens_input(prompt.ids),
            self._sampling_params(request, room, list(prompt.choices)),
            request.id,
            lora_request=self._adapters[request.adapter] if request.adapter else None,
            priority=request.priority,
        )
        try:
            async with contextlib.aclosing(stream):
                if request.is_scored:
                    return await read_score(stream, prompt)
                watch = new_watch() if new_watch else None
                return await read(
                    stream, watch, prompt.choices, lambda: self._llm.abort(request.id)
                )
        except (_REQUEST_ERROR, EngineGenerateError) as error:
            return failed(f"engine_error: {first_line(error)}")
        except EngineDeadError as error:
            raise EngineError(f"vLLM's engine core died: {first_line(error)}") from error

    async def close(self) -> None:
        """Stop vLLM and its processes."""
        self._llm.shutdown()

    async def _load_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Load every adapter before it is used: a bad one would kill the core inside a step."""
        for number, adapter in enumerate(adapters, start=1):
            lora = LoRARequest(adapter.name, number, str(adapter.path.resolve()))
            try:
                await self._llm.add_lora(lora)
            except EngineDeadError as error:
                raise EngineError(f"adapter {adapter.path}: {first_line(error)}") from error
            except Exception as error:  # vLLM has no class of its own for what its core refuses
                self._llm.shutdown()
                raise ConfigError(
                    f"adapter {adapter.path}: vLLM {vllm.__version__} refuses it: "
                    f"{_last_line(error)}; use another adapter"
                ) from error
            self._adapters[adapter.name] = lora

    def _sampling_params(
        self, request: Request, room: int, first_tokens: list[int]
    ) -> SamplingParams:
        decoding = request.decoding
        if first_tokens:
            # The model's choice: its likeliest first token among those that begin a choice.
            # top_k 1 rather than temperature 0, which would turn vLLM's fast GPU sampler off.
            return SamplingParams(
                max_tokens=1,
                top_k=1,
                allowed_token_ids=first_tokens,
                logprob_token_ids=first_tokens,
                output_kind=RequestOutputKind.FINAL_ONLY,
                skip_clone=True,
            )
        if request.is_scored:
            return SamplingParams(
                max_tokens=1, top_k=1, prompt_logprobs=0, output_kind=RequestOutputKind.FINAL_ONLY
            )
        return SamplingParams(
            max_tokens=min(decoding.max_completion_tokens, room),
            **decoding.sampling.parameters(),
            seed=decoding.seed if self._config.seeds_requests else None,
            output_kind=RequestOutputKind.DELTA,
            skip_clone=True,
        )


def _last_line(error: Exception) -> str:
    """Return the last line of an error of the core, which follows its traceback."""
    return str(error).strip().rpartition("\n")[2].strip() or type(error).__name__


def prepare_environment(config: EngineConfig) -> None:
    """Set what vLLM's processes read from the environment, and what cleans up after them."""
    shared_memory.outlive_group()
    os.environ[parent_death.SWITCH] = "1"
    # Its processes find a person's modules no more than this one.
    os.environ["PYTHONSAFEPATH"] = "1"
    tell(config)


def installed() -> InstalledVllm:
    """Describe this vLLM."""
    names = {field.name for field in dataclasses.fields(AsyncEngineArgs)}
    arguments = frozenset(name for name in names if not name.startswith("_"))
    return InstalledVllm(vllm.__version__, current_platform.is_cpu(), arguments)


def engine_settings(spec: EngineSpec) -> dict[str, Any]:
    """Return vLLM's engine arguments.

    Raises: ConfigError: it cannot do what is asked for on this machine.
    """
    return settings_of(spec, installed())


def check_settings(spec: EngineSpec) -> None:
    """Let vLLM look at its engine arguments; nothing is started.

    Raises: ConfigError: it does not know one, or refuses its value.
    """
    check_names(spec.config, installed())
    # Replicas run on other machines than this one, which may have no GPU.
    if spec.config.replicas is None:
        check_values(spec.config, engine_settings(spec))


def check_values(config: EngineConfig, settings: Mapping[str, Any]) -> None:
    """Let vLLM look at engine arguments that it knows.

    Raises: ConfigError: it refuses them, and its reason.
    """
    try:
        AsyncEngineArgs(**settings).create_engine_config()
    except _COMPLAINTS as error:
        raise ConfigError(complaint(error, config, vllm.__version__)) from error


def _logger_of(recorder: LoadRecorder) -> Callable[..., StatLoggerBase]:
    """Return the maker of loggers that vLLM asks for."""

    class Logger(StatLoggerBase):  # type: ignore[misc]
        def __init__(self, vllm_config: object, engine_index: int = 0) -> None:
            pass

        def log_engine_initialized(self) -> None:
            pass

        def record(
            self,
            scheduler_stats: Any,  # noqa: ANN401 - of vLLM
            iteration_stats: Any,  # noqa: ANN401 - of vLLM
            *_: object,
            **__: object,
        ) -> None:
            recorder.record(scheduler_stats, iteration_stats)

    return Logger
