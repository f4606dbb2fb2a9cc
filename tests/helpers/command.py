"""Runs the command line in its own process, as a person does."""

import os
import subprocess
import sys

# TRL, which other tests import, silences vLLM's log for all processes that this one starts.
_SET_BY_TRL = "VLLM_LOGGING_LEVEL"


def synth(*arguments, stdin=b"", timeout_s=120, cwd=None):
    """Return exit code, standard output and standard error of `synth ARGUMENTS`."""
    done = subprocess.run(
        [sys.executable, "-m", "synth", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
        env=environment(),
        cwd=cwd,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def environment():
    """Return the environment for a command that people start."""
    return {name: value for name, value in os.environ.items() if name != _SET_BY_TRL}
