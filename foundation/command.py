"""Running a click command line as a process."""

import os
import sys

import click

from foundation.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, CommandError

OVERRIDES = click.option(
    "-o",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the configuration, e.g. -o seed=1.",
)


def run_command(cli: click.Command) -> None:
    """Run a command; what ends it early is one line, and an exit code that tells whose doing."""
    try:
        code = cli(standalone_mode=False)
    except click.ClickException as error:
        code = _complain(error.format_message(), EXIT_USAGE)
    except CommandError as error:
        code = _complain(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILED
    except OSError as error:
        code = _complain(f"{error.filename or 'output'}: {error.strerror}", EXIT_FAILED)
    except (click.Abort, KeyboardInterrupt):
        code = _complain("interrupted", EXIT_INTERRUPTED)
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    return code
