"""The configuration of a run: frozen, strict, every field documented beneath it."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from filters.near_duplicate import MAX_SIMILARITY
from filters.profile import DefaultProfile, Profile
from selflengthen.mix import MixSource, check_shares
from selflengthen.settings import Settings, is_reference
from synth.collect_config import CollectConfig
from synth.decoding import DecodingConfig
from synth.engine.config import EngineConfig, ModelConfig
from synth.eval_config import EvalConfig, GuardConfig


class AdapterConfig(Settings):
    """LoRA adapters of the two roles; unset, those that the previous iteration trained are used."""

    generator: str | None = None
    """Folder of the Generator's adapter."""
    extender: str | None = None
    """Folder of the Extender's adapter."""


class RayConfig(Settings):
    """Ray, which places the replicas of `engine.replicas`; a run's data does not depend on it."""

    address: str | None = None
    """A cluster to join, e.g. `auto` or `10.0.0.7:6379`; null: Ray is started on this machine."""
    cpus_per_replica: float = Field(1.0, ge=0.0)
    """CPU cores that Ray sets aside for a replica."""
    gpus_per_replica: int | None = Field(None, ge=0)
    """GPUs that Ray sets aside; null: `tensor_parallel_size` if there are any at the start."""


class ExpandConfig(Settings):
    """Self-instruct: new instructions from examples, judged by the base model."""

    attempts: int = Field(10, ge=1)
    """Most tries for one instruction."""
    decoding: DecodingConfig | None = None
    """Sampling parameters of this stage; null: those of the run."""
    max_completion_tokens: int = Field(512, ge=8)
    """Longest continuation, in tokens."""
    min_words: int = Field(4, ge=1)
    """Shortest instruction, in words."""
    max_words: int = Field(499, ge=1)
    """Longest instruction, in words."""
    max_similarity: float | None = Field(MAX_SIMILARITY, gt=0.0, le=1.0)
    """Largest ROUGE-L F1 with an earlier instruction; null keeps duplicates."""
    check_task: bool = True
    """Rules see instructions that are no task, broken off, or ask for little."""
    min_suitability: float = Field(0.5, ge=0.0, le=1.0)
    """Smallest probability with which the judge says yes; an engine that tells none says 0 or 1."""
    balance: bool = False
    """Slots ask for the kinds of text in turn: their examples are of the kind, and the first half
    of their attempts is dropped if it is of another."""
    single_line: bool = True
    """An instruction ends with its line; otherwise where the list's next number begins."""
    pool: Literal["fixed", "growing"] = "fixed"
    """Examples are drawn from the iteration's fixed pool, or also from what this run accepted."""
    pool_group: int = Field(500, ge=1)
    """A growing pool restarts from the fixed one after this many instructions."""

    @model_validator(mode="after")
    def _check_bounds(self) -> "ExpandConfig":
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} exceeds max_words {self.max_words}")
        return self


class GenerateConfig(Settings):
    """Initial responses of the Generator."""

    responses: int = Field(2, ge=1)
    """Initial responses per instruction."""
    attempts: int = Field(20, ge=1)
    """Most tries for one initial response."""
    max_completion_tokens: int = Field(16384, ge=8)
    """Longest initial response, in tokens."""
    decoding: DecodingConfig | None = None
    """Sampling parameters of this stage; null: those of the run."""


class ExtendConfig(Settings):
    """Extensions by the Extender, in micro-iterations of two stages."""

    extensions: int = Field(2, ge=1)
    """Extensions per initial response."""
    attempts: int = Field(20, ge=1)
    """Most tries for one extension."""
    micro_iterations: int = Field(3, ge=1)
    """Rounds of two stages within one try."""
    max_completion_tokens: int = Field(16384, ge=8)
    """Longest answer of a stage, in tokens."""
    max_stage_1_tokens: int | None = Field(None, ge=8)
    """Longest answer of stage 1, of which a third is dropped anyway; null: as the other stage."""
    target_growth: float = Field(2.5, ge=1.0)
    """A stage is asked for this multiple of the text that it is shown, in words."""
    plan: bool = False
    """Before each round, the base model lists the parts of the longer text and their words; both
    stages are shown that plan (`plan.j2` of the prompt set)."""
    max_plan_tokens: int = Field(512, ge=8)
    """Longest plan, in tokens."""
    min_growth: float = Field(1.2, ge=1.0)
    """An extended response must exceed this multiple of the initial response, in words."""
    decoding: DecodingConfig | None = None
    """Sampling parameters of this stage; null: those of the run."""
    form: Literal["default", "reference-qwen", "reference-llama"] = "default"
    """How texts are split, joined and, for training, thinned out."""
    keep_line_probability: float = Field(0.8, gt=0.0, le=1.0)
    """Chance of each line of the initial response to stay in an Extender row's prompt."""


class JudgeConfig(Settings):
    """The base model's judgement of responses."""

    response: bool = False
    """Every response that the filter keeps is shown to the base model; its probability of yes to
    "complete, to the point, coherent" multiplies the score."""


class LengthSamplingConfig(Settings):
    """Which of the texts ranked together are kept."""

    quality_weight: float = Field(0.0, ge=0.0)
    """What is ranked is the length times the text's score to this power; 0 ranks by length."""
    rank: Literal["middle", "first"] = "middle"
    """Place of ties in the ranking: their middle, or (the reference's) their first."""
    unit: Literal["words", "characters"] = "words"
    """What is ranked."""
    scorer: str | None = None
    """What is ranked instead of the length: a function `(text, instruction) -> number` of one's
    own, as `package.module:Name`."""


class HeldOutConfig(Settings):
    """The held-out measure: how long the Generator's answers are where it is never trained."""

    instructions: str = Field("en", min_length=1)
    """Held-out instructions: `en`, `zh`, or a JSONL file with an `instruction` in each line."""
    num_instructions: int = Field(16, ge=0)
    """How many of them are answered, from the file's beginning; 0 turns the measure off."""
    answers: int = Field(1, ge=1)
    """Answers to each; more of them make the measure steadier."""
    max_completion_tokens: int | None = Field(None, ge=8)
    """Longest answer, in tokens; null: as an initial response."""
    decoding: DecodingConfig | None = None
    """Sampling parameters of the answers; null: those of initial responses."""


class LoopConfig(Settings):
    """What `synth loop` starts between two macro-iterations; a run's data does not depend on it."""

    generator: str | None = None
    """YAML file of `train sft` for the Generator; `synth loop` needs it."""
    extender: str | None = None
    """YAML file of `train sft` for the Extender; `synth loop` needs it."""
    final: str | None = None
    """YAML file of `train sft` for the final model, with `--final`; null: the Generator's."""
    data: Literal["current", "accumulate"] = "current"
    """A training gets the rows of its iteration, or of all up to it."""
    mix: tuple[MixSource, ...] = Field((), strict=False)
    """Further rows for every training (`data.mix` of `train sft`)."""
    collapse: Literal["warn", "stop", "ignore"] = "warn"
    """What happens when held-out answers have more structural faults than the base model's, or are
    less diverse, beyond the intervals of 95 %."""
    eval: bool = False
    """After each iteration its Generator answers the suite of `eval`, and the base does so once;
    with `--final` the final model too."""
    guard: Literal["warn", "stop"] | None = None
    """They also answer the short prompts of `guard`; what happens beyond its limits. null: they do
    not."""
    processes: int = Field(1, ge=1)
    """Processes of one training; more than one are started by `accelerate launch`."""
    accelerate_config: str | None = None
    """Configuration file of `accelerate launch`."""

    _check_mix = field_validator("mix")(check_shares)

    @model_validator(mode="after")
    def _check_launcher(self) -> "LoopConfig":
        if self.accelerate_config is not None and self.processes == 1:
            raise ValueError("accelerate_config needs processes above 1")
        return self


class BreakerConfig(Settings):
    """When a run is stopped because next to nothing of what a stage writes is accepted."""

    requests: int = Field(200, ge=0)
    """Requests of a stage after which its acceptance is looked at; 0 never stops a run."""
    min_acceptance: float = Field(0.01, ge=0.0, le=1.0)
    """Smallest share of them that must be accepted; 0 never stops a run."""


class OutputConfig(Settings):
    """Files for the trainer."""

    shard_max_bytes: int = Field(256 * 1024 * 1024, ge=1)
    """A shard is closed before it grows beyond this size."""
    max_row_similarity: float | None = Field(0.7, gt=0.0, le=1.0)
    """Largest share of word groups that the responses of two rows have in common, also of earlier
    iterations; of those that exceed it, the one with the largest length times score makes a row.
    MinHash looks for them: far below 0.7 it misses some. null: every record makes a row."""
    writers: tuple[str, ...] = Field((), strict=False)
    """Writers of one's own, beside that of JSON lines: functions `(rows, role, folder)`, each as
    `package.module:Name`."""


class RunConfig(Settings):
    """One macro-iteration of data."""

    seed: int = Field(0, ge=0)
    """Seed of every random choice outside the sampler."""
    num_instructions: int = Field(ge=1)
    """New instructions to find; each gets `generate.responses` x `extend.extensions` chances."""
    cohort_instructions: int = Field(64, ge=1)
    """Instructions whose responses are ranked by length together; the unit of durability."""
    seeds: str = Field("en", min_length=1)
    """Seed instructions: `en`, `zh`, or a JSONL file with an `instruction` in each line."""
    prompts: str = Field("en", min_length=1)
    """Prompt set: `en`, `zh`, or a folder of templates."""
    model: ModelConfig
    """The base model."""
    adapters: AdapterConfig = AdapterConfig()
    """Adapters of the two roles."""
    engine: EngineConfig
    """The engine."""
    ray: RayConfig = RayConfig()
    """Ray, for more than one engine."""
    decoding: DecodingConfig = DecodingConfig()
    """Sampling parameters of the stages that set none of their own."""
    expand: ExpandConfig = ExpandConfig()
    """Self-instruct and judge."""
    generate: GenerateConfig = GenerateConfig()
    """Initial responses."""
    extend: ExtendConfig = ExtendConfig()
    """Extensions."""
    filter: Profile = DefaultProfile()
    """The response filter: a profile and its thresholds."""
    judge: JudgeConfig = JudgeConfig()
    """The base model's judgement of responses."""
    length_sampling: LengthSamplingConfig = LengthSamplingConfig()
    """Length sampling."""
    held_out: HeldOutConfig = HeldOutConfig()
    """The held-out measure."""
    breaker: BreakerConfig = BreakerConfig()
    """The breaker; a run's data does not depend on it."""
    output: OutputConfig = OutputConfig()
    """Files for the trainer."""
    loop: LoopConfig = LoopConfig()
    """Training between macro-iterations, for `synth loop`."""
    collect: CollectConfig = CollectConfig()
    """The final data, for `synth collect`."""
    eval: EvalConfig = EvalConfig()
    """How length is measured where a request asks for one, for `synth eval`."""
    guard: GuardConfig = GuardConfig()
    """What is to stay as it was in ordinary use, for `synth guard`."""

    @property
    def references(self) -> tuple[tuple[str, str], ...]:
        """References to a person's own code, each with its key."""
        scorer, kind = self.length_sampling.scorer, self.engine.kind
        return (
            *self.filter.references,
            *((("length_sampling.scorer", scorer),) if scorer else ()),
            *(("output.writers", writer) for writer in self.output.writers),
            *((("engine.kind", kind),) if is_reference(kind) else ()),
        )

    @field_validator("filter", mode="before")
    @classmethod
    def _name_profile(cls, value: object) -> object:
        """Let a name stand for a profile, and thresholds alone for the default one's."""
        if isinstance(value, str):
            is_own = is_reference(value)
            return {"profile": "own", "reference": value} if is_own else {"profile": value}
        return {"profile": "default", **value} if isinstance(value, dict) else value
