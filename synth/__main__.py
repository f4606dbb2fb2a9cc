"""The command line; everything heavy is imported by the command that needs it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

# `python -m` looks into the working directory first, where a person's modules may have our names.
if sys.path[0] == os.getcwd():
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from selflengthen.command import ConfigSource, configured, run_command
from selflengthen.errors import EXIT_FEWER_THAN_ASKED, EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.table import Table


_ALLOW_FEWER = click.option(
    "--allow-fewer",
    is_flag=True,
    help="Exit with 0, not 3, when there are fewer instructions than asked.",
)

_EXAM_OUT = click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Directory of the answers."
)
_SUBJECTS = click.option(
    "--subject",
    "subjects",
    multiple=True,
    default=("base",),
    show_default=True,
    help="base, iteration-N, final, or NAME=FOLDER of an adapter; give several.",
)
_LOOP_FOLDER = click.option(
    "--run", "loop_folder", type=click.Path(path_type=Path), help="The loop that trained them."
)

R = TypeVar("R")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="self-lengthen")
def cli() -> None:
    """Synthesize data that teaches a language model to write long."""


@cli.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run directory.")
@click.option("--iteration", default=1, show_default=True, type=click.IntRange(min=1))
@_ALLOW_FEWER
@configured
def run(source: ConfigSource, out: Path, iteration: int, allow_fewer: bool) -> None:
    """Synthesize one macro-iteration of data; run again, it goes on where it was."""
    from selflengthen import synthesize
    from synth.config import RunConfig

    result = synthesize(source.load(RunConfig), out, iteration)
    if result.was_complete:
        click.echo(f"iteration {iteration} is complete already: {result.files.folder}")
    elif result.state == "interrupted":
        sys.exit(EXIT_INTERRUPTED)
    elif result.has_fewer_than_asked and not allow_fewer:
        sys.exit(EXIT_FEWER_THAN_ASKED)


@cli.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run directory.")
@click.option("--iteration", required=True, type=click.IntRange(min=1))
@configured
def measure(source: ConfigSource, out: Path, iteration: int) -> None:
    """Answer the held-out instructions with the Generator of a macro-iteration; no data."""
    from synth.config import RunConfig
    from synth.run.directory import RunDirectory
    from synth.run.measure import measure_iteration

    result = measure_iteration(source.load(RunConfig), iteration, RunDirectory(out))
    sys.exit(EXIT_INTERRUPTED if result.summary is None else 0)


@cli.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run directory.")
@click.option("--iterations", required=True, type=click.IntRange(min=1), help="How many in all.")
@click.option(
    "--final", is_flag=True, help="Then collect the final data and train the final model."
)
@_ALLOW_FEWER
@configured
def loop(source: ConfigSource, out: Path, iterations: int, final: bool, allow_fewer: bool) -> None:
    """Alternate data and training; run again, it goes on where it was."""
    from synth.config import RunConfig
    from synth.loop.plan import LoopPlan
    from synth.loop.steps import run_loop
    from synth.run.directory import RunDirectory

    plan = LoopPlan(source, source.load(RunConfig), RunDirectory(out), iterations, final)
    result = run_loop(plan)
    if result.state == "interrupted":
        sys.exit(EXIT_INTERRUPTED)
    elif result.has_fewer_than_asked and not allow_fewer:
        sys.exit(EXIT_FEWER_THAN_ASKED)


@cli.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run directory.")
@click.option(
    "--iterations",
    multiple=True,
    type=click.IntRange(min=1),
    help="An iteration whose pairs are taken; give several. All that are complete by default.",
)
@click.option(
    "--more",
    type=click.IntRange(min=1),
    help="First so many further instructions, with what the last iteration trained.",
)
@configured
def collect(source: ConfigSource, out: Path, iterations: tuple[int, ...], more: int | None) -> None:
    """Collect pairs and write length demands into their queries: the final model's data."""
    from rich.console import Console

    from selflengthen import collect as collect_pairs
    from synth.config import RunConfig
    from synth.display.collection import collection_lines

    result = collect_pairs(source.load(RunConfig), out, iterations, more)
    if result.collection is None:
        click.echo("interrupted; the same command goes on from there")
        sys.exit(EXIT_INTERRUPTED)
    Console(soft_wrap=True, highlight=False).print(
        *collection_lines(result.collection, str(result.files.folder)), sep="\n", markup=False
    )


@cli.command(name="eval")
@_EXAM_OUT
@_SUBJECTS
@_LOOP_FOLDER
@configured
def eval_command(
    source: ConfigSource, out: Path, subjects: tuple[str, ...], loop_folder: Path | None
) -> None:
    """Measure how well answers meet the lengths that requests ask for."""
    from selflengthen import evaluate
    from synth.config import RunConfig
    from synth.display.evaluation import evaluation_tables

    _show(evaluate(source.load(RunConfig), out, subjects, loop_folder), evaluation_tables, out)


@cli.command()
@_EXAM_OUT
@configured
def judge(source: ConfigSource, out: Path) -> None:
    """Let a model judge the quality of the answers of `synth eval`."""
    from synth.config import RunConfig
    from synth.display.judged import judged_tables
    from synth.eval.directory import ExamDirectory
    from synth.judging.prepare import prepare_judging

    session = prepare_judging(source.load(RunConfig), ExamDirectory(out))
    report = session.run()
    _show(report, judged_tables, session.directory.folder)
    for warning in report.warnings if report else ():
        click.echo(f"warning: {warning}")


@cli.command()
@_EXAM_OUT
@_SUBJECTS
@_LOOP_FOLDER
@configured
def guard(
    source: ConfigSource, out: Path, subjects: tuple[str, ...], loop_folder: Path | None
) -> None:
    """Measure how far adapters are from the base model in ordinary use."""
    from synth.config import RunConfig
    from synth.display.guard import guard_tables
    from synth.eval.directory import ExamDirectory
    from synth.eval.known_tasks import run_tasks
    from synth.eval.prepare import prepare_guard
    from synth.run.directory import RunDirectory

    config = source.load(RunConfig)
    loop_directory = RunDirectory(loop_folder) if loop_folder else None
    sitting = prepare_guard(config, subjects, loop_directory, ExamDirectory(out))
    run_tasks(sitting.subjects, config.guard, config.model, out)
    report = sitting.run()
    _show(report, guard_tables, out)
    for name, drift in report.subjects.items() if report else ():
        for warning in drift.warnings:
            click.echo(f"warning: {name}: {warning}")


def _show(found: R | None, tables: "Callable[[R], Iterable[Table]]", out: Path) -> None:
    """Print what an exam came to; exit if it was interrupted."""
    from rich.console import Console

    if found is None:
        click.echo("interrupted; the same command goes on from there")
        sys.exit(EXIT_INTERRUPTED)
    Console(highlight=False).print(*tables(found))
    click.echo(f"answers and measures: {out}")


@cli.command("serve-command")
@click.option(
    "--lora-rank",
    type=click.IntRange(min=1),
    help="Rank of adapters that runs bring later, as those of a loop.",
)
@configured
def serve_command_command(source: ConfigSource, lora_rank: int | None) -> None:
    """Print the command that starts a vLLM server like the configuration's own engine."""
    from synth.config import RunConfig
    from synth.serve_command import serve_command

    click.echo(serve_command(source.load(RunConfig), lora_rank))


@cli.command(name="filter")
@click.argument("file", default="-", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--profile", default="default", show_default=True, help="Its name, or a reference.")
@click.option("--field", default="text", show_default=True, help="Key of the text.")
@click.option("--skip-bad", is_flag=True, help="Judge a bad line as bad_line and go on.")
def filter_command(file: Path, profile: str, field: str, skip_bad: bool) -> None:
    """Judge every line of a JSONL file (- is standard input)."""
    import orjson

    from filters import profile_named
    from synth.filter_stream import judge_lines, lines_of

    chosen = profile_named(profile)
    name, lines = lines_of(file)
    with lines:
        verdicts = judge_lines(lines, name, chosen, field=field, skip_bad=skip_bad)
        for verdict in verdicts:
            click.echo(orjson.dumps(verdict.model_dump()))


@cli.command("check-plugin")
@click.argument("reference", metavar="PACKAGE.MODULE:NAME")
@click.option("--texts", type=click.Path(path_type=Path), help="JSONL file of texts to try it on.")
@click.option("--field", default="text", show_default=True, help="Key of the text.")
def check_plugin_command(reference: str, texts: Path | None, field: str) -> None:
    """Check a filter rule or profile of one's own: what it returns, and that its sign agrees."""
    from filters.check import check_plugin
    from synth.plugin_texts import built_in_texts, texts_of

    found = built_in_texts() if texts is None else texts_of(texts, field)
    click.echo(f"{reference}: fine on {check_plugin(reference, found)} texts")


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
def status(directory: Path) -> None:
    """Print what a run directory holds and how far it is."""
    from rich.console import Console

    from synth.run.directory import RunDirectory
    from synth.run.status import print_status

    print_status(RunDirectory(directory), Console())


def main() -> None:
    """Run the command line."""
    run_command(cli)


if __name__ == "__main__":
    main()
