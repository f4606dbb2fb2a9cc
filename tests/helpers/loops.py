"""Loops whose steps are played by scripted children."""

import io
import json

from rich.console import Console

from scripted_child import calls, scripted
from scripted_runs import SMALL, code_of
from selflengthen.command import ConfigSource
from synth.config import RunConfig
from synth.loop.plan import LoopPlan
from synth.loop.processes import StepProcess
from synth.loop.steps import run_loop_with
from synth.run.directory import RunDirectory

ONE = ["run 1", "generator 1", "extender 1"]
TWO = ["run 2", "generator 2", "extender 2"]


def prepared(folder):
    """Put what a scripted loop needs into a folder; return it."""
    (folder / "train.yaml").write_text("model: {name: scripted}\n")
    write_script(folder)
    return folder


def write_script(folder, **exit_codes):
    script = {step.replace("_", " "): exit_code for step, exit_code in exit_codes.items()}
    (folder / "script.json").write_text(json.dumps(script))


def loop_config(folder, **changes):
    trainer = str(folder / "train.yaml")
    loop = {"generator": trainer, "extender": trainer}
    return RunConfig.model_validate(
        {**SMALL, **changes, "loop": {**loop, **changes.get("loop", {})}}
    )


def plan_of(folder):
    """Return a plan of one macro-iteration."""
    source, directory = ConfigSource(folder / "run.yaml"), RunDirectory(folder / "out")
    return LoopPlan(source, loop_config(folder), directory, 1)


def run_loop(folder, num_iterations, overrides=(), is_final=False, **changes):
    """Run a loop of scripted children; return exit code and what it printed."""
    out = io.StringIO()
    plan = LoopPlan(
        ConfigSource(folder / "run.yaml", overrides),
        loop_config(folder, **changes),
        RunDirectory(folder / "out"),
        num_iterations,
        is_final,
    )
    run = scripted(StepProcess().run)
    result = run_loop_with(run, plan, Console(file=out, width=160))
    return code_of(result), out.getvalue()


def steps(folder):
    return [step for step, _ in calls(folder)]
