"""The command line of the trainer; everything heavy is imported by the command that needs it."""

import os
import sys
from pathlib import Path
from typing import Literal

import click

# `python -m` looks into the working directory first, where a person's modules may have our names.
if sys.path[0] == os.getcwd():
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from selflengthen.command import ConfigSource, configured, run_command
from selflengthen.packages import require

_FOLDER = click.Path(path_type=Path)
_PACKAGES = ("torch", "transformers", "peft")
_BASE = click.option("--base", help="Hub id or folder of the base model, where it is now.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="self-lengthen")
def cli() -> None:
    """Train LoRA adapters on shards of prompt-completion rows."""


@cli.command()
@click.option(
    "--data",
    "paths",
    required=True,
    multiple=True,
    metavar="PATH",
    help="JSONL file, folder of them or glob; may be given several times.",
)
@click.option("--out", required=True, type=_FOLDER, help="Where the adapter will appear, whole.")
@click.option("--adapter", type=_FOLDER, help="Adapter to train further.")
@click.option("--dry-run", is_flag=True, help="Only check what can be checked before a training.")
@configured
def sft(
    source: ConfigSource, paths: tuple[str, ...], out: Path, adapter: Path | None, dry_run: bool
) -> None:
    """Train one adapter; run again, it goes on where it was."""
    from train.config import TrainConfig
    from train.training import train_adapter

    train_adapter(source.load(TrainConfig), paths, out, adapter, dry_run=dry_run)


@cli.command("config")
@configured
def show_config(source: ConfigSource) -> None:
    """Check a configuration and print it with every default filled in."""
    import yaml

    from train.config import TrainConfig

    settings = source.load(TrainConfig).model_dump(mode="json")
    click.echo(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), nl=False)


@cli.command()
@click.argument("adapter", type=_FOLDER)
@_BASE
def check(adapter: Path, base: str | None) -> None:
    """Check that an adapter is whole and that vLLM will serve it."""
    require("train check", _PACKAGES)

    from rich.console import Console

    from train.adapter.check import check_adapter
    from train.adapter.table import print_report

    print_report(check_adapter(adapter, base), Console())


@cli.command()
@click.argument("adapter", type=_FOLDER)
@click.option("--out", required=True, type=_FOLDER, help="Where the model will appear, whole.")
@click.option(
    "--dtype",
    type=click.Choice(["bfloat16", "float32"]),
    help="Type of its weights; the base's by default.",
)
@_BASE
@click.option("--trust-remote-code", is_flag=True, help="Run code that the base brings.")
def merge(
    adapter: Path,
    out: Path,
    dtype: Literal["bfloat16", "float32"] | None,
    base: str | None,
    trust_remote_code: bool,
) -> None:
    """Merge an adapter into its base: one model, in a folder of its own."""
    require("train merge", _PACKAGES)

    from train.adapter.merge import merge_adapter

    merge_adapter(adapter, out, dtype, base=base, trust_remote_code=trust_remote_code)


def main() -> None:
    """Run the command line."""
    run_command(cli)


if __name__ == "__main__":
    main()
