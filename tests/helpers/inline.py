"""Runs a command line in this process: many in little time, where nothing is started."""

import signal
import sys

import pytest

from selflengthen.command import run_command

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_inline(cli, capsys, *arguments):
    """Return exit code, standard output and standard error."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    capsys.readouterr()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["command", *map(str, arguments)])
            with pytest.raises(SystemExit) as ended:
                run_command(cli)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    captured = capsys.readouterr()
    return ended.value.code or 0, captured.out, captured.err


def refusal(cli, capsys, *arguments):
    """Run, expect exit code 2 and one line; return it."""
    code, stdout, stderr = run_inline(cli, capsys, *arguments)
    assert (code, stdout) == (2, ""), stderr
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    return stderr
