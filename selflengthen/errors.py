"""What can end a command, by whose doing it is and by exit code."""

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_FEWER_THAN_ASKED = 3
EXIT_INTERRUPTED = 130


class CommandError(Exception):
    """What ends a command with one line and an exit code, not with a traceback."""

    exit_code = EXIT_FAILED


class CorruptFileError(CommandError):
    """A file of ours that is not as it was written."""


class PluginError(CommandError):
    """A person's own code failed; what was finished is kept."""

    def __init__(self, what: str) -> None:
        """Take what failed, why and where."""
        super().__init__(
            f"{what}; mend it and start in another directory: what was made so far depends on it "
            "as it was"
        )
        self.what = what


class UsageError(CommandError):
    """The person's input is wrong: one line with the place, the value and the remedy."""

    exit_code = EXIT_USAGE


class ConfigError(UsageError):
    """A configuration, prompt set, seed file, model or adapter that cannot be used."""


class AdapterError(UsageError):
    """An adapter that cannot be served, continued or merged."""


class DirectoryError(UsageError):
    """An output directory that cannot be used as asked."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
