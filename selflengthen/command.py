"""Running a click command line as a process."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

import click

from selflengthen.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, CommandError
from selflengthen.packages import remedy_for

if TYPE_CHECKING:
    from selflengthen.settings import Settings

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

S = TypeVar("S", bound="Settings")


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """A configuration as a person names it: a file, and what is set over it."""

    file: Path
    overrides: tuple[str, ...] = ()

    def load(self, kind: type[S]) -> S:
        """Read it.

        Raises: ConfigError: a key is unknown or a value cannot be used.
        """
        # Pydantic takes a while to import, and `--help` needs none.
        from selflengthen.config_file import load_config

        return load_config(kind, self.file, self.overrides)


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--config` and `-o`, as its argument `source`."""

    @click.option("--config", required=True, type=click.Path(path_type=Path), help="YAML file.")
    @click.option(
        "-o",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a key of the configuration, e.g. -o seed=1.",
    )
    @wraps(command)
    def with_source(config: Path, overrides: tuple[str, ...], **options: object) -> None:
        command(source=ConfigSource(config, overrides), **options)

    return with_source


def run_command(cli: click.Command) -> None:
    """Run a command; what ends it early is one line, and an exit code that tells whose doing."""
    _interrupt_on_signals()
    try:
        code = cli(standalone_mode=False)
    except click.ClickException as error:
        code = _complain(error.format_message(), EXIT_USAGE)
    except CommandError as error:
        code = _complain(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        remedy = remedy_for(error)
        if remedy is None:
            raise
        code = _complain(remedy, EXIT_USAGE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILED
    except OSError as error:
        code = _complain(_describe(error), EXIT_FAILED)
    except (click.Abort, KeyboardInterrupt):
        code = _complain("interrupted", EXIT_INTERRUPTED)
    sys.exit(code)


def _interrupt_on_signals() -> None:
    """Let SIGTERM be as Ctrl-C, and both act at once, until a command does better."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _describe(error: OSError) -> str:
    remedy = "; make room, then the same command goes on" if error.errno in _NO_ROOM else ""
    return f"{error.filename or 'output'}: {error.strerror}{remedy}"


def _complain(message: str, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    return code
