"""`synth loop`: data, then training of both roles, macro-iteration after macro-iteration.

The loop itself starts processes, and tells by their products which of them are finished. It holds
no lock that a step needs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console

from selflengthen.contract.collection import Collection
from selflengthen.contract.loop_row import LoopRow
from selflengthen.errors import EXIT_FEWER_THAN_ASKED, EXIT_INTERRUPTED, CommandError, ConfigError
from selflengthen.files.atomic_file import write_json
from selflengthen.files.json_file import read_as
from synth.display.loop import base_table, loop_table, quality_table
from synth.engine.start import prepare_engine
from synth.loop.exams import warnings_of
from synth.loop.plan import LoopPlan, Step, trainer_config
from synth.loop.processes import StepProcess
from synth.loop.quality import collapse
from synth.loop.rows import loop_row
from synth.loop.trainer_check import check_trainers
from synth.method.recipe import Recipe
from synth.method.stages import TRAINED_ROLES
from synth.run.prepare import prepare

Runner = Callable[[Sequence[str]], int]
"""Runs a command to its end and returns its exit code."""

_LOCK = ".loop.lock"
_FIRST = 1


class StepError(CommandError):
    """A step of a loop failed."""


@dataclass(frozen=True, slots=True)
class LoopResult:
    """What a loop came to."""

    state: Literal["complete", "interrupted"]
    rows: tuple[LoopRow, ...]
    """One per macro-iteration."""

    @property
    def has_fewer_than_asked(self) -> bool:
        """Whether an iteration accepted fewer instructions than asked for."""
        return any(map(_has_fewer_than_asked, self.rows))


def run_loop(plan: LoopPlan) -> LoopResult:
    """Run what is left of the loop in processes of its own.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: StepError: a step failed; what was finished is kept.
    """
    recipe = check_plan(plan)
    prepare_engine(recipe.engine_spec)
    check_trainers(plan, recipe)
    process = StepProcess()
    with process.listening():
        return run_loop_with(process.run, plan, Console())


def run_loop_with(run: Runner, plan: LoopPlan, console: Console) -> LoopResult:
    """Run what is left of the loop with a runner of commands."""
    check_plan(plan)
    rows: list[LoopRow] = []
    with plan.directory.locked(_LOCK):
        for iteration in range(_FIRST, plan.num_iterations + 1):
            for step in plan.steps(iteration):
                if not _finish(step, run, plan, console):
                    console.print("interrupted; the same command goes on from there")
                    return LoopResult("interrupted", tuple(rows))
            rows = [loop_row(plan.directory, number) for number in range(_FIRST, iteration + 1)]
            write_json(plan.directory.loop_rows, rows)
            console.print(loop_table(rows), quality_table(rows), base_table(rows))
            _check_collapse(rows, plan, console)
        for step in plan.final_steps():
            if not _finish(step, run, plan, console):
                console.print("interrupted; the same command goes on from there")
                return LoopResult("interrupted", tuple(rows))
    return LoopResult("complete", tuple(rows))


def check_plan(plan: LoopPlan) -> Recipe:
    """Check what can be known before the first step; return the first iteration's recipe.

    Raises: ConfigError, DirectoryError: what a loop cannot start with.
    """
    for role in TRAINED_ROLES:
        trainer_config(plan.config, role)
    plan.final_steps()
    _check_final(plan)
    if configured := plan.config.adapters.model_dump(exclude_none=True):
        keys = ", ".join(f"adapters.{role}" for role in configured)
        raise ConfigError(f"{keys}: set, but a loop serves what it trained; remove it")
    run = prepare(plan.config, _FIRST, plan.directory)
    plan.directory.check(run.resolved)
    return run.recipe


def _check_final(plan: LoopPlan) -> None:
    """Check that final data which is complete was made of the iterations that are asked for.

    Raises: ConfigError: it was made of others.
    """
    files = plan.directory.final
    if not (plan.is_final and files.collection.exists()):
        return
    found = read_as(Collection, files.collection, "delete the folder").iterations
    if found != plan.collected:
        raise ConfigError(
            f"--iterations {plan.num_iterations}: {files.folder} was made of "
            f"{', '.join(map(str, found))}; delete it, then it is made anew"
        )


def _finish(step: Step, run: Runner, plan: LoopPlan, console: Console) -> bool:
    """Run a step unless it is finished; return False if it was interrupted.

    Raises: StepError: it failed, or there is nothing to train on.
    """
    if step.product.exists():
        _check_guard(step, plan)
        return True
    title = f"iteration {step.iteration}, {step.name}"
    _check_rows(step, plan)
    console.print(f"loop: {title}", highlight=False)
    exit_code = run(step.command)
    if exit_code == EXIT_INTERRUPTED:
        return False
    if exit_code == EXIT_FEWER_THAN_ASKED:
        console.print(f"loop: {title}: fewer instructions than asked; going on", highlight=False)
    elif exit_code != 0:
        raise StepError(f"{title}: {_ending(exit_code)}; the same command goes on from there")
    if not step.product.exists():
        raise StepError(f"{title}: ended without {step.product}; the same command repeats it")
    _check_guard(step, plan)
    return True


def _check_collapse(rows: Sequence[LoopRow], plan: LoopPlan, console: Console) -> None:
    """Warn of answers that became worse, or stop.

    Raises: StepError: the loop is to stop.
    """
    reaction, found = plan.config.loop.collapse, collapse(rows)
    if found is None or reaction == "ignore":
        return
    place = f"iteration {rows[-1].iteration}: {found}"
    if reaction == "stop":
        raise StepError(f"{place}; loop.collapse: stop")
    console.print(f"warning: {place}", highlight=False, soft_wrap=True)


def _check_guard(step: Step, plan: LoopPlan) -> None:
    """Stop where a model is beyond the limits of `guard`; the command has warned already.

    Raises: StepError: the loop is to stop.
    """
    if step.guarded is None or plan.config.loop.guard != "stop":
        return
    if warnings := warnings_of(plan.directory, step.guarded):
        raise StepError(f"{step.guarded}: {warnings[0]}; loop.guard: stop")


def _check_rows(step: Step, plan: LoopPlan) -> None:
    files = plan.directory.iteration(step.iteration)
    if step.trained is not None and not files.has_rows(step.trained.value):
        raise StepError(
            f"iteration {step.iteration}: no rows to train the {step.trained.value} on; "
            f"{files.folder / 'rejects'} tells why, ask for more instructions or attempts"
        )


def _ending(exit_code: int) -> str:
    return f"exit code {exit_code}" if exit_code > 0 else f"killed by signal {-exit_code}"


def _has_fewer_than_asked(row: LoopRow) -> bool:
    return row.asked is not None and (row.instructions or 0) < row.asked
