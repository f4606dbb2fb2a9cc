"""Asking the trainer before a loop starts what it would refuse hours later."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from selflengthen.contract.base import TokenCounts
from selflengthen.contract.record import Attempts, Record, TextLengths
from selflengthen.errors import ConfigError
from selflengthen.files.atomic_file import write_json_lines
from selflengthen.packages import require
from selflengthen.process.own_modules import child_environment
from synth.loop.plan import LoopPlan
from synth.method.recipe import Recipe
from synth.method.records import extender_row, generator_row
from synth.method.stages import TRAINED_ROLES, ModelRole

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
    """Let the trainings of both roles run dry, on a row of the shape that the run writes.

    Raises: ConfigError: the trainer refuses one, with its reason, or its libraries are not here.
    """
    require("the loop's trainings", ["trl"])
    for role in TRAINED_ROLES:
        with TemporaryDirectory() as folder:
            if reason := _objection(plan, recipe, role, Path(folder)):
                raise ConfigError(f"loop.{role.value}: {reason}")


def _objection(plan: LoopPlan, recipe: Recipe, role: ModelRole, folder: Path) -> str | None:
    """Return the line with which a role's training ends, if it cannot start."""
    rows = folder / "rows.jsonl"
    make_row = generator_row if role is ModelRole.GENERATOR else extender_row
    write_json_lines(rows, [make_row(RECORD, recipe)])
    ended = subprocess.run(
        [*plan.training(role, [str(rows)], folder / "adapter"), "--dry-run"],
        capture_output=True,
        text=True,
        env=child_environment(),
        check=False,
    )
    if ended.returncode == 0:
        return None
    lines = ended.stderr.strip().splitlines()
    told = next((line for line in lines if line.startswith("error: ")), lines[-1] if lines else "")
    return told.removeprefix("error: ").replace(f"{rows}:1: ", "")
