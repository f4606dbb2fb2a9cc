"""vLLM's engine arguments and environment, from a configuration; vLLM itself is not imported."""

import difflib
import os
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, ValidationError

from selflengthen.errors import ConfigError, first_line
from selflengthen.process.hardware import cpu_dtype
from synth.engine.base import EngineSpec
from synth.engine.config import EngineConfig

EXECUTION_ONLY = frozenset(
    {
        "async_scheduling",
        "cpu_offload_gb",
        "cudagraph_capture_sizes",
        "disable_custom_all_reduce",
        "distributed_executor_backend",
        "distributed_timeout_seconds",
        "download_dir",
        "enable_chunked_prefill",
        "enable_expert_parallel",
        "enable_log_requests",
        "enable_prefix_caching",
        "kv_offloading_backend",
        "kv_offloading_size",
        "long_prefill_token_threshold",
        "max_cpu_loras",
        "max_cudagraph_capture_size",
        "max_parallel_loading_workers",
        "num_gpu_blocks_override",
        "numa_bind",
        "numa_bind_cpus",
        "numa_bind_nodes",
        "optimization_level",
        "pipeline_parallel_size",
        "prefix_caching_hash_algo",
        "safetensors_load_strategy",
        "use_tqdm_on_load",
    }
)
"""Keys of `engine.vllm` that say where, when and in which memory vLLM computes, not what: they
change texts no more than `max_num_seqs` does. A key that is not here may change texts."""

_ARGUMENTS = {
    "kv_cache_dtype": "kv_cache_dtype",
    "quantization": "quantization",
    "speculative": "speculative_config",
    "performance_mode": "performance_mode",
}
_ALWAYS_SET = "the project sets it itself; leave it out"
_REMEDIES = {
    "model": "set model.name instead",
    "model_weights": "set model.name instead",
    "tokenizer": "set model.name instead",
    "revision": "set model.revision instead",
    "tokenizer_revision": "set model.revision instead",
    "trust_remote_code": "set model.trust_remote_code instead",
    **dict.fromkeys(
        ("speculative_config", "spec_method", "spec_model", "spec_tokens"),
        "set engine.speculative instead",
    ),
    **dict.fromkeys(
        ("enable_lora", "max_loras", "max_lora_rank"), "follows from adapters; leave it out"
    ),
    **dict.fromkeys(
        (
            "disable_log_stats",
            "generation_config",
            "scheduling_policy",
            "skip_tokenizer_init",
            "watermark",
        ),
        _ALWAYS_SET,
    ),
}
# On a CPU, vLLM gives rows without adapter the last slot's: one slot stays free for them.
_SPARE_LORA_SLOTS = 1
# Share of KV blocks kept free so that running requests are rarely preempted.
_KV_WATERMARK = 0.02
_MAX_CHARS = 300


@dataclass(frozen=True, slots=True)
class InstalledVllm:
    """What the settings depend on, of the vLLM that is installed."""

    version: str
    is_cpu: bool
    arguments: frozenset[str]
    """Names of its engine arguments."""


def refuse_own_keys(config: EngineConfig) -> None:
    """Refuse keys of `engine.vllm` that other keys set.

    Raises: ConfigError: with the key to set instead.
    """
    for key in config.vllm:
        is_ours = key in EngineConfig.model_fields and key != "vllm"
        remedy = f"set engine.{key} instead" if is_ours else _REMEDIES.get(key)
        if remedy:
            raise ConfigError(f"engine.vllm.{key}: {remedy}")


def check_names(config: EngineConfig, vllm: InstalledVllm) -> None:
    """Check that the installed vLLM knows all arguments that it will be given.

    Raises: ConfigError: it does not, with the nearest one that it knows.
    """
    for key, argument in _ARGUMENTS.items():
        if getattr(config, key) is not None and argument not in vllm.arguments:
            raise ConfigError(
                f"engine.{key}: vLLM {vllm.version} has no argument {argument}; set it to null, or "
                "install a version that has it"
            )
    for key in config.vllm:
        if key not in vllm.arguments:
            near = difflib.get_close_matches(key, sorted(vllm.arguments), n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "see `vllm serve --help=all`"
            raise ConfigError(f"engine.vllm.{key}: unknown to vLLM {vllm.version}; {remedy}")


def levers_of(config: EngineConfig) -> dict[str, JsonValue]:
    """Return the optional arguments of vLLM that are set, by our keys."""
    own = {f"engine.{key}": getattr(config, key) for key in _ARGUMENTS}
    further = {f"engine.vllm.{key}": value for key, value in config.vllm.items()}
    return {key: value for key, value in (own | further).items() if value is not None}


def environment_of(config: EngineConfig) -> dict[str, str]:
    """Return the environment variables by which vLLM is told settings."""
    variables = {
        "VLLM_CPU_OMP_THREADS_BIND": config.omp_threads_bind,
        "VLLM_BATCH_INVARIANT": "1" if config.reproducible else None,
    }
    return {name: value for name, value in variables.items() if value is not None}


_told: dict[str, str] = {}
"""What this process set for an engine; a later engine may be told less."""


def tell(config: EngineConfig) -> None:
    """Set the environment variables of an engine, and unset those of one before it."""
    variables = environment_of(config)
    for name in _told.keys() - variables.keys():
        if os.environ.get(name) == _told.pop(name):
            del os.environ[name]
    # What a person set is not ours to unset.
    _told.update({name: variables[name] for name in variables.keys() - os.environ.keys()})
    os.environ.update(variables)


def settings_of(spec: EngineSpec, vllm: InstalledVllm) -> dict[str, Any]:
    """Return vLLM's engine arguments.

    Raises: ConfigError: it cannot do what is asked for on this machine.
    """
    model, config = spec.model, spec.config
    if vllm.is_cpu:
        _refuse_on_cpu(config)
    optional = {
        "kv_cache_memory_bytes": config.kv_cache_memory_bytes,
        "block_size": config.block_size,
        "revision": model.revision,
        **{argument: getattr(config, key) for key, argument in _ARGUMENTS.items()},
    }
    own = {
        "model": model.name,
        "trust_remote_code": model.trust_remote_code,
        "dtype": _native_dtype(vllm) if config.dtype == "auto" else config.dtype,
        "max_num_seqs": config.max_num_seqs,
        "max_num_batched_tokens": config.max_num_batched_tokens,
        "max_model_len": config.max_model_len,
        "tensor_parallel_size": config.tensor_parallel_size,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "enforce_eager": config.enforce_eager,
        "stream_interval": config.stream_interval,
        "scheduling_policy": "priority",
        "watermark": _KV_WATERMARK,
        "generation_config": "vllm",
        **_prefill_settings(config, vllm),
        **_adapter_settings(spec),
        **{key: value for key, value in optional.items() if value is not None},
    }
    for key in own.keys() & config.vllm_arguments.keys():
        raise ConfigError(f"engine.vllm.{key}: {_REMEDIES.get(key, _ALWAYS_SET)}")
    return own | config.vllm_arguments


def lora_settings(num_adapters: int, rank: int) -> dict[str, Any]:
    """Return the engine arguments for so many adapters.

    Args:
        rank: One that vLLM serves, the largest of theirs.
    """
    return {
        "enable_lora": True,
        "max_loras": num_adapters + _SPARE_LORA_SLOTS,
        "max_lora_rank": rank,
    }


def complaint(error: Exception, config: EngineConfig, version: str) -> str:
    """Say in one line what vLLM has against its arguments, with the key at fault where it shows."""
    levers = levers_of(config)
    key = next(iter(levers)) if len(levers) == 1 else "engine"
    reason = first_line(error)
    if isinstance(error, ValidationError):
        detail = error.errors(include_url=False)[0]
        place, given = ".".join(map(str, detail["loc"])), detail["input"]
        reason = first_line(ValueError(detail["msg"].removeprefix("Value error, ")))
        if place:
            key = _key_of(place, given, levers) or "engine"
            reason = f"{error.title}.{place} is {given!r}: {reason}"
    return f"{key}: vLLM {version} refuses it: {reason}"[:_MAX_CHARS]


def _key_of(place: str, given: object, levers: dict[str, JsonValue]) -> str | None:
    """Return the key whose value vLLM complains about; it may have another name for it."""
    name = place.partition(".")[0]
    for key, value in levers.items():
        is_inside = isinstance(value, dict) and name in value
        if key.rpartition(".")[2] == name or is_inside or value == given:
            return key
    return None


def _refuse_on_cpu(config: EngineConfig) -> None:
    if config.reproducible:
        raise ConfigError(
            "engine.reproducible: needs a GPU, vLLM's batch invariance is not for CPUs; set "
            "engine.per_request_seeds instead, with which texts still depend on the batch"
        )
    # Seen in vLLM 0.32: its rejection sampler takes the largest top_k of no rows at all.
    if config.speculative is not None:
        raise ConfigError(
            "engine.speculative: needs a GPU; on a CPU vLLM's core dies in the first step without "
            "a draft if a request has a top_k, as the judge's do; set it to null"
        )


def _adapter_settings(spec: EngineSpec) -> dict[str, Any]:
    if not spec.adapters:
        return {}
    return lora_settings(len(spec.adapters), max(adapter.served_rank for adapter in spec.adapters))


def _prefill_settings(config: EngineConfig, vllm: InstalledVllm) -> dict[str, Any]:
    """Read prompts whole where vLLM dies otherwise.

    After a part of a prompt it takes a seeded draw back, which a CPU's generators cannot do.

    Raises: ConfigError: the longest prompt does not fit into one step.
    """
    if not (config.seeds_requests and vllm.is_cpu):
        return {}
    if config.max_num_batched_tokens < config.max_model_len:
        raise ConfigError(
            f"engine.max_num_batched_tokens: {config.max_num_batched_tokens}, but "
            "per_request_seeds on a CPU needs at least max_model_len, "
            f"{config.max_model_len}; raise it"
        )
    return {"enable_chunked_prefill": False}


def _native_dtype(vllm: InstalledVllm) -> str:
    return cpu_dtype() if vllm.is_cpu else "bfloat16"
