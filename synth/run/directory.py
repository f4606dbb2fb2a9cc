"""The run directory: where everything lies, whose it is, and what is complete in it."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selflengthen.contract.held_out import HeldOutAnswer
from selflengthen.contract.manifest import Manifest
from selflengthen.contract.record import Record
from selflengthen.contract.row import Row
from selflengthen.errors import CorruptFileError, DirectoryError
from selflengthen.files.digest import digest_of
from selflengthen.files.json_file import read_as, read_rows
from selflengthen.files.owned_directory import OwnedDirectory


@dataclass(frozen=True, slots=True)
class IterationFiles:
    """The files of one macro-iteration."""

    folder: Path
    root: Path | None = None
    """Where the earlier iterations are; None: beside this one."""

    def earlier(self, number: int) -> "IterationFiles":
        """Return the files of an earlier macro-iteration."""
        return IterationFiles((self.root or self.folder.parent) / f"iteration-{number}")

    @property
    def manifest(self) -> Path:
        """Written last: its presence means complete."""
        return self.folder / "manifest.json"

    @property
    def metrics(self) -> Path:
        """Ledger, rates and percentiles; during the run a snapshot."""
        return self.folder / "metrics.json"

    @property
    def engine_log(self) -> Path:
        """What vLLM and other libraries print."""
        return self.folder / "engine.log"

    def replica_log(self, replica: int) -> Path:
        """What vLLM and other libraries print in one of many processes."""
        return self.folder / f"engine-{replica}.log"

    def records(self, cohort: int) -> Path:
        """Accepted samples of a cohort."""
        return self.folder / "records" / f"cohort-{cohort:05d}.jsonl"

    def rejects(self, cohort: int) -> Path:
        """Dropped texts of a cohort."""
        return self.folder / "rejects" / f"cohort-{cohort:05d}.jsonl"

    @property
    def repeated_rows(self) -> Path:
        """Records that make no row, because another nearly says the same."""
        return self.folder / "rejects" / "rows.jsonl"

    def data_files(self, cohort: int) -> tuple[Path, Path]:
        """What a complete cohort has written for others."""
        return self.records(cohort), self.rejects(cohort)

    def journal(self, cohort: int) -> Path:
        """Completions of a cohort that is still open."""
        return self.folder / "journal" / f"cohort-{cohort:05d}.jsonl"

    def receipt(self, cohort: int) -> Path:
        """A cohort's counts, written after its records and rejects: the cohort is complete."""
        return self.folder / "journal" / f"cohort-{cohort:05d}.complete.json"

    @property
    def shards(self) -> Path:
        """What adapters are trained on."""
        return self.folder / "shards"

    def shard(self, role: str, number: int) -> Path:
        """Training rows of a role."""
        return self.shards / f"{role}-{number:05d}.jsonl"

    def shard_pattern(self, role: str) -> str:
        """Return a glob that matches all shards of a role."""
        return f"{glob.escape(str(self.shards))}/{role}-*.jsonl"

    def has_rows(self, role: str) -> bool:
        """Tell whether there is anything to train a role on."""
        return self.shard(role, 0).exists()

    @property
    def held_out(self) -> Path:
        """The Generator's answers to the held-out instructions, before it is trained on this."""
        return self.folder / "held_out.jsonl"

    def adapter(self, role: str) -> Path:
        """The adapter that is trained on this iteration's shards."""
        return self.folder / "adapters" / role

    def provenance(self, role: str) -> Path:
        """What the trainer says of an adapter: its presence means trained."""
        return self.adapter(role) / "provenance.json"

    def read_records(self) -> Iterator[Record]:
        """Yield all records, in cohort order."""
        paths = (self.folder / "records").glob("cohort-*.jsonl")
        for path in sorted(paths, key=_number):
            yield from read_rows(Record, path)

    def read_rows(self, role: str) -> Iterator[Row]:
        """Yield a role's training rows, in the order of the records."""
        for path in sorted(self.shards.glob(f"{role}-*.jsonl"), key=_number):
            yield from read_rows(Row, path)

    def check(self, kind: str) -> None:
        """Compare one kind of data files of a complete iteration with its manifest.

        Raises: CorruptFileError: one is missing or another.
        """
        for listed in read_as(Manifest, self.manifest, "restore it").files:
            path = self.folder / listed.path
            if path.parent.name == kind and (not path.exists() or digest_of(path) != listed.sha256):
                raise CorruptFileError(f"{path}: not as {self.manifest} lists it; restore it")

    def read_held_out(self) -> list[HeldOutAnswer]:
        """Read the answers to the held-out instructions; none if they are not complete."""
        return list(read_rows(HeldOutAnswer, self.held_out)) if self.held_out.exists() else []


@dataclass(frozen=True, slots=True)
class FinalFiles(IterationFiles):
    """The files of the last step: pairs of all iterations with length demands."""

    @property
    def collection(self) -> Path:
        """What the pairs came to, and the settings that they were made with."""
        return self.folder / "collect.json"

    @property
    def query_journal(self) -> Path:
        """The model's queries while the pairs are not complete."""
        return self.folder / "journal" / "queries.jsonl"


class RunDirectory(OwnedDirectory):
    """One run: a configuration and its macro-iterations."""

    @property
    def loop_rows(self) -> Path:
        """What `synth loop` shows of every macro-iteration."""
        return self.folder / "loop.json"

    def iteration(self, number: int) -> IterationFiles:
        """Return the files of a macro-iteration."""
        return IterationFiles(self.folder / f"iteration-{number}")

    @property
    def final(self) -> "FinalFiles":
        """The files of the last step."""
        return FinalFiles(self.folder / "final")

    @property
    def eval_folder(self) -> Path:
        """Answers to requests that ask for a length, with `loop.eval`."""
        return self.folder / "eval"

    @property
    def guard_folder(self) -> Path:
        """Answers to short prompts, with `loop.guard`."""
        return self.folder / "guard"

    @property
    def more(self) -> "MoreDirectory":
        """The directory of the further data run of `synth collect --more`."""
        return MoreDirectory(self)

    def is_begun(self) -> bool:
        """Tell whether anything depends on the configuration: all but logs and summaries."""
        found = (
            path
            for pattern in ("iteration-*/held_out.jsonl", "iteration-*/*/*")
            for path in self.folder.glob(pattern)
        )
        return self.config.exists() and any(map(_holds_something, found))

    def asked(self) -> tuple[int, ...]:
        """Return the numbers of instructions that the run was asked for so far, ascending.

        Raises: DirectoryError: `config.json` is not as it was written.
        """
        if not self.is_begun():
            return ()
        earlier = self.read_config()
        # An earlier version kept the one number among the settings.
        try:
            return tuple(earlier.get("num_instructions") or [earlier["config"]["num_instructions"]])
        except (KeyError, TypeError):
            raise DirectoryError(f"{self.config}: no num_instructions; restore it") from None

    def iterations(self) -> list[int]:
        """Return the numbers of the macro-iterations that were begun."""
        names = [path.name.removeprefix("iteration-") for path in self.folder.glob("iteration-*")]
        return sorted(int(name) for name in names if name.isdecimal())


class MoreDirectory(RunDirectory):
    """A further data run with what a run's last iteration trained, in a folder of that run."""

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(run.folder / "more")
        self._run = run

    def iteration(self, number: int) -> IterationFiles:
        """Return the files of its own iteration, or of one that the run completed.

        What the run has of a later one are answers of the measure after the last training.
        """
        earlier = self._run.iteration(number)
        if earlier.manifest.exists():
            return earlier
        return IterationFiles(self.folder / f"iteration-{number}", self._run.folder)

    def is_complete(self, number: int) -> bool:
        """Tell whether its own iteration of that number is complete."""
        return super().iteration(number).manifest.exists()


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _holds_something(path: Path) -> bool:
    """Tell whether a file has content, or had: a journal gives way to a receipt."""
    try:
        return path.is_dir() or path.stat().st_size > 0
    except FileNotFoundError:
        return True
