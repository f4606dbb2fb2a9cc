"""Settings of `synth eval`, `synth judge` and `synth guard`."""

from pydantic import Field, model_validator

from selflengthen.settings import Settings
from synth.decoding import DecodingConfig
from synth.engine.config import EngineConfig, ModelConfig


class EvalJudgeConfig(Settings):
    """Who judges the answers of `synth eval`, for `synth judge`."""

    model: ModelConfig
    """The judge: another model than the one that is judged, and a better one."""
    engine: EngineConfig
    """Its engine. `max_model_len` has room for two answers."""
    attempts: int = Field(3, ge=1)
    """Most tries to get readable scores for one answer."""
    max_completion_tokens: int = Field(1024, ge=8)
    """Longest answer of the judge, in tokens; what it thinks first counts too."""


class EvalConfig(Settings):
    """How length is measured where a request asks for one, for `synth eval`."""

    suite: str = Field("builtin", min_length=1)
    """Requests: `builtin`, or a JSONL file with a `query` in each line, or of LonGen's or
    LongBench-Write's rows."""
    num_requests: int | None = Field(None, ge=1)
    """How many of them are answered, from the first on; null: all."""
    language: str | None = Field(None, min_length=1)
    """Requests in other languages are left out, e.g. `en`; null: none."""
    min_words: int = Field(0, ge=0)
    """Requests that ask for less are left out, in words; in Chinese, characters."""
    max_words: int | None = Field(None, ge=1)
    """Requests that ask for more are left out; null: none."""
    answers: int = Field(2, ge=1)
    """Answers to each request."""
    max_completion_tokens: int | None = Field(None, ge=8)
    """Longest answer, in tokens; null: as a held-out answer."""
    decoding: DecodingConfig | None = None
    """Sampling parameters of the answers; null: those of held-out answers."""
    judge: EvalJudgeConfig | None = None
    """Who judges the answers, with `synth judge`; no answer depends on it."""

    @model_validator(mode="after")
    def _check_bounds(self) -> "EvalConfig":
        if self.max_words is not None and self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} exceeds max_words {self.max_words}")
        return self


class GuardConfig(Settings):
    """What is to stay as it was in ordinary use, for `synth guard`."""

    prompts: str = Field("builtin", min_length=1)
    """Short prompts: `builtin`, or a JSONL file with a `prompt` in each line."""
    num_prompts: int | None = Field(None, ge=1)
    """How many of them are answered, from the first on; null: all."""
    max_completion_tokens: int = Field(256, ge=8)
    """Longest answer, in tokens."""
    max_kl: float | None = Field(1.0, ge=0.0)
    """Divergence from the base that is warned of, in nats per token; null: none."""
    max_growth: float | None = Field(2.0, ge=1.0)
    """Mean length of the answers over the base's that is warned of; null: none."""
    tasks: tuple[str, ...] = Field((), strict=False)
    """Tasks of lm-eval by its names, e.g. `[gsm8k, ifeval]`, done by the base and every adapter in
    processes of its own (`pip install 'lm-eval[hf]'`)."""
    tasks_limit: int | None = Field(None, ge=1)
    """Examples of each task; null: all."""
    tasks_path: str | None = None
    """Folder of tasks of one's own (lm-eval's `include_path`)."""
