"""Runs the command line in its own process, as a person does."""

import subprocess
import sys


def synth(*arguments, stdin=b"", timeout_s=120):
    """Return exit code, standard output and standard error of `synth ARGUMENTS`."""
    done = subprocess.run(
        [sys.executable, "-m", "synth", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()
