"""The plan of a loop: its steps, each a process of its own, so that the GPU is free between."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from selflengthen.command import ConfigSource
from selflengthen.errors import ConfigError
from synth.config import LoopConfig, RunConfig
from synth.eval.directory import ExamDirectory
from synth.method.stages import TRAINED_ROLES, ModelRole
from synth.run.directory import RunDirectory

FINAL = "final"
_TRAINED_ON = {"name", "revision", "trust_remote_code", "chat_template_kwargs"}


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and the file whose presence means that it is finished."""

    name: str
    command: tuple[str, ...]
    product: Path
    iteration: int
    trained: ModelRole | None = None
    """The role whose rows it needs."""
    guarded: str | None = None
    """The subject whose limits it looks at."""


@dataclass(frozen=True)
class LoopPlan:
    """What `synth loop` was asked for, and the steps that follow from it."""

    source: ConfigSource
    config: RunConfig
    directory: RunDirectory
    num_iterations: int
    is_final: bool = False
    """Whether the final data and the final model follow."""

    def steps(self, iteration: int) -> list[Step]:
        """Return the steps of a macro-iteration; the last one's effect is measured."""
        steps = [self._run(iteration), *(self._train(iteration, role) for role in TRAINED_ROLES)]
        is_last = iteration == self.num_iterations
        if is_last and self.config.held_out.num_instructions:
            steps.append(self._measure(iteration + 1))
        return steps + self._exams(f"iteration-{iteration}", iteration)

    def final_steps(self) -> list[Step]:
        """Return the steps behind the last macro-iteration: the final data, the final model."""
        if not self.is_final:
            return []
        files, number = self.directory.final, self.num_iterations
        training = self.final_training([files.shard_pattern(FINAL)], files.adapter(FINAL))
        return [
            Step("collect the final data", self._collect(), files.manifest, number),
            Step("train the final model", training, files.provenance(FINAL), number),
            *self._exams(FINAL, number),
        ]

    def _exams(self, subject: str, iteration: int) -> list[Step]:
        """Return the steps that measure a model that was trained, beside the base."""
        wanted = {
            "eval": (self.config.loop.eval, self.directory.eval_folder),
            "guard": (self.config.loop.guard is not None, self.directory.guard_folder),
        }
        return [
            Step(
                f"{name} of {subject}",
                self._exam(name, folder, subject),
                ExamDirectory(folder).answers(subject),
                iteration,
                guarded=subject if name == "guard" else None,
            )
            for name, (is_wanted, folder) in wanted.items()
            if is_wanted
        ]

    def _exam(self, name: str, out: Path, subject: str) -> tuple[str, ...]:
        subjects = ("--subject", "base", "--subject", subject)
        return self._synth(name, "--run", str(self.directory.folder), *subjects, out=out)

    def _collect(self) -> tuple[str, ...]:
        numbers = (str(number) for number in self.collected)
        return self._synth("collect", *(part for one in numbers for part in ("--iterations", one)))

    @property
    def iterations(self) -> tuple[int, ...]:
        """The numbers of all macro-iterations."""
        return tuple(range(1, self.num_iterations + 1))

    @property
    def collected(self) -> tuple[int, ...]:
        """Those whose pairs make the final data: also that of `collect.more`."""
        more = () if self.config.collect.more is None else (self.num_iterations + 1,)
        return (*self.iterations, *more)

    def final_training(self, data: Sequence[str], out: Path) -> tuple[str, ...]:
        """Return the command that trains the final model, from the base."""
        return self._sft(final_config(self.config), data, out)

    def _run(self, iteration: int) -> Step:
        product = self.directory.iteration(iteration).manifest
        return Step("run", self._synth("run", "--iteration", str(iteration)), product, iteration)

    def _measure(self, iteration: int) -> Step:
        product = self.directory.iteration(iteration).held_out
        command = self._synth("measure", "--iteration", str(iteration))
        return Step("measure", command, product, iteration)

    def training(self, role: ModelRole, data: Sequence[str], out: Path) -> tuple[str, ...]:
        """Return the command that trains a role's adapter."""
        return self._sft(trainer_config(self.config, role), data, out)

    def _sft(self, config: Path, data: Sequence[str], out: Path) -> tuple[str, ...]:
        return (
            *_launcher(self.config.loop),
            *("train", "sft", "--config", str(config)),
            *(argument for path in data for argument in ("--data", path)),
            *("--out", str(out)),
            *self._base_model(),
            *self._mix(),
        )

    def _train(self, iteration: int, role: ModelRole) -> Step:
        files = self.directory.iteration(iteration)
        previous = self.directory.iteration(iteration - 1).adapter(role.value)
        command = (
            *self.training(role, self._data(iteration, role), files.adapter(role.value)),
            *(("--adapter", str(previous)) if iteration > 1 else ()),
        )
        name = f"train the {role.value}"
        return Step(name, command, files.provenance(role.value), iteration, role)

    def _data(self, iteration: int, role: ModelRole) -> list[str]:
        numbers = range(1, iteration) if self.config.loop.data == "accumulate" else ()
        earlier = [self.directory.iteration(number) for number in numbers]
        files = [one for one in earlier if one.has_rows(role.value)]
        return [
            one.shard_pattern(role.value) for one in (*files, self.directory.iteration(iteration))
        ]

    def _mix(self) -> tuple[str, ...]:
        mix = [source.model_dump() for source in self.config.loop.mix]
        return ("-o", f"data.mix={orjson.dumps(mix).decode()}") if mix else ()

    def _synth(self, command: str, *options: str, out: Path | None = None) -> tuple[str, ...]:
        return (
            *(sys.executable, "-m", "synth", command, "--config", str(self.source.file)),
            *("--out", str(out or self.directory.folder), *options),
            *(argument for override in self.source.overrides for argument in ("-o", override)),
        )

    def _base_model(self) -> tuple[str, ...]:
        """Override the trainer's base model: it reads the one that is served, in the same way."""
        model = self.config.model.model_dump(include=_TRAINED_ON)
        return tuple(
            argument
            for key, value in model.items()
            if value is not None
            for argument in ("-o", f"model.{key}={orjson.dumps(value).decode()}")
        )


def trainer_config(config: RunConfig, role: ModelRole) -> Path:
    """Return the configuration file of a role's training.

    Raises: ConfigError: the key is not set, or there is no such file.
    """
    is_generator = role is ModelRole.GENERATOR
    name = config.loop.generator if is_generator else config.loop.extender
    return _existing(f"loop.{role.value}", name)


def final_config(config: RunConfig) -> Path:
    """Return the configuration file of the final model's training: its own, or the Generator's.

    Raises: ConfigError: there is no such file.
    """
    if config.loop.final is None:
        return trainer_config(config, ModelRole.GENERATOR)
    return _existing("loop.final", config.loop.final)


def _existing(key: str, name: str | None) -> Path:
    if name is None:
        raise ConfigError(f"{key}: missing; set it to the YAML file of that training")
    if not Path(name).is_file():
        raise ConfigError(f"{key}: no file {name!r}; give a YAML file of `train sft`")
    return Path(name)


def _launcher(config: LoopConfig) -> tuple[str, ...]:
    if config.processes == 1:
        return (sys.executable, "-m")
    own = config.accelerate_config
    return (
        *(sys.executable, "-m", "accelerate.commands.launch"),
        *("--num_processes", str(config.processes)),
        *(("--config_file", own) if own is not None else ()),
        "-m",
    )
