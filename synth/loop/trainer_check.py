"""Asking the trainer before a loop starts what it would refuse hours later."""

import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from selflengthen.contract.base import TokenCounts
from selflengthen.contract.record import Attempts, Record, TextLengths
from selflengthen.contract.row import Row
from selflengthen.errors import ConfigError
from selflengthen.files.atomic_file import write_json_lines
from selflengthen.packages import require
from selflengthen.process.own_modules import child_environment
from synth.loop.plan import FINAL, LoopPlan
from synth.method.recipe import Recipe
from synth.method.records import extender_row, generator_row
from synth.method.stages import TRAINED_ROLES, ModelRole

Training = Callable[[Sequence[str], Path], tuple[str, ...]]

# Of the shape that every record has; only the shape is asked about.
RECORD = Record(
    id="trial",
    iteration=1,
    cohort=0,
    instruction_id="trial",
    instruction="Write about the river.",
    language="en",
    initial_response="The river rises in the hills.",
    response="The river rises in the hills.\n\nIt is wide where it meets the sea.",
    num_words=TextLengths(initial=6, response=15),
    growth=2.5,
    micro_iterations=(),
    attempts=Attempts(expand=1, generate=1, extend=1),
    model="trial",
    adapters={},
    profile="default",
    prompt_set="en",
    tokens=TokenCounts(prompt=0, cached=0, generated=0),
)


def check_trainers(plan: LoopPlan, recipe: Recipe) -> None:
    """Let all trainings run dry, on a row of the shape that the run writes.

    Raises: ConfigError: the trainer refuses one, with its reason, or its libraries are not here.
    """
    require("the loop's trainings", ["trl"])
    for role in TRAINED_ROLES:
        make_row = generator_row if role is ModelRole.GENERATOR else extender_row
        _check(role.value, make_row(RECORD, recipe), partial(plan.training, role))
    if plan.is_final:
        row = generator_row(RECORD, recipe).model_copy(update={"role": FINAL})
        _check(FINAL, row, plan.final_training)


def _check(name: str, row: Row, training: Training) -> None:
    """Check that a training can start.

    Raises: ConfigError: it cannot; with the line that it ends with.
    """
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        write_json_lines(rows, [row])
        ended = subprocess.run(
            [*training([str(rows)], Path(folder) / "adapter"), "--dry-run"],
            capture_output=True,
            text=True,
            env=child_environment(),
            check=False,
        )
    if ended.returncode == 0:
        return
    lines = ended.stderr.strip().splitlines()
    told = next((line for line in lines if line.startswith("error: ")), lines[-1] if lines else "")
    reason = told.removeprefix("error: ").replace(f"{rows}:1: ", "")
    raise ConfigError(f"loop.{name}: {reason}")
