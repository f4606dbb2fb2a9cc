"""What can end a run, by whose doing it is and by exit code."""

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_FEWER_THAN_ASKED = 3
EXIT_INTERRUPTED = 130


class UsageError(Exception):
    """The person's input is wrong: one line with the place, the value and the remedy."""

    exit_code = EXIT_USAGE


class ConfigError(UsageError):
    """A configuration, prompt set, seed file or model that cannot be used."""


class RunDirectoryError(UsageError):
    """A run directory that cannot be used as asked."""


class EngineError(Exception):
    """The engine cannot start or go on."""

    exit_code = EXIT_FAILED
