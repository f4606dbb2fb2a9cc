"""`synth collect`: the final data of a run directory."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console

from selflengthen.contract.collection import Collection
from selflengthen.contract.final_row import FinalRow
from selflengthen.errors import ConfigError, DirectoryError
from selflengthen.files.atomic_file import write_json
from selflengthen.files.json_file import read_as
from selflengthen.percentiles import percentiles
from selflengthen.process.signals import cancel_on_signal
from selflengthen.tasks import first_error, together
from synth.config import RunConfig
from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.base import Engine
from synth.engine.journal import CohortJournal, JournallingEngine
from synth.engine.start import PreparedEngine, prepare_engine, running_engine
from synth.final.choose import choose
from synth.final.pair import Pair
from synth.final.rewrite import ROLE, RewriteCount, Rewriter, check_rows
from synth.method.recipe import Recipe
from synth.run.directory import FinalFiles, RunDirectory
from synth.run.prepare import PreparedRun, prepare
from synth.run.rows.shards import write_manifest, write_rows
from synth.run.session import announcing, held

_DELETE = "delete the folder, then the same command makes it anew"


@dataclass(frozen=True, slots=True)
class CollectResult:
    """What the final data came to."""

    files: FinalFiles
    collection: Collection | None
    """None if it was interrupted."""
    was_complete: bool = False


def collect(
    config: RunConfig, directory: RunDirectory, iterations: Sequence[int] = ()
) -> CollectResult:
    """Collect the pairs of iterations, all that are complete by default, and add length demands.

    Raises: ConfigError, DirectoryError: nothing was started or written.
    Raises: EngineError: the engine failed; queries that were finished are kept.
    """
    run = prepare(config, 1, directory)
    found = _complete(run, iterations)
    if found is not None:
        return CollectResult(directory.final, found, was_complete=True)
    choice = _choice(run, iterations)
    recipe = replace(run.recipe, adapters={})
    engine = prepare_engine(recipe.engine_spec) if _asks_model(recipe) else None
    with held(directory, run.resolved, directory.final.engine_log) as terminal:
        console = Console(file=terminal)
        return asyncio.run(_run(Collecting(recipe, directory.final, choice), engine, console))


async def collect_with(
    run: PreparedRun, iterations: Sequence[int], engine: Engine | None
) -> CollectResult:
    """Collect on an engine that is ready; None: without one."""
    recipe = replace(run.recipe, adapters={})
    collecting = Collecting(recipe, run.directory.final, _choice(run, iterations))
    return await _collect(collecting, engine)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the pairs are made of."""

    iterations: tuple[int, ...]
    pairs: list[Pair]
    left_out: Counter[str]

    @property
    def reasons(self) -> str:
        """Why records were left out."""
        found = self.left_out.most_common()
        return ", ".join(f"{reason} {number}" for reason, number in found) or "there is none"


@dataclass(frozen=True, slots=True)
class Collecting:
    """A collection under way."""

    recipe: Recipe
    files: FinalFiles
    choice: Choice

    async def write(self, engine: Engine | None) -> Collection:
        """Make all rows and write them down; the manifest comes last.

        Raises: EngineError: the engine is gone.
        """
        count = RewriteCount()
        with CohortJournal(self.files.query_journal) as journal:
            asked = engine and JournallingEngine(AdmittingEngine(engine), journal)
            rewriter = Rewriter(self.recipe, asked, count)
            made = await together(
                rewriter.row(pair, place) for place, pair in enumerate(self.choice.pairs)
            )
            rows = [row for row in made if row is not None]
            check_rows(rows)
            await asyncio.to_thread(write_rows, lambda: rows, ROLE, self.files, self.recipe)
            collection = self._sum_up(rows, count)
            write_json(self.files.collection, collection)
            write_manifest(self.files, len(rows))
            journal.discard()
        return collection

    def _sum_up(self, rows: Sequence[FinalRow], count: RewriteCount) -> Collection:
        left_out = self.choice.left_out + Counter(no_demand=len(self.choice.pairs) - len(rows))
        kinds = Counter(row.demand.kind if row.demand else "none" for row in rows)
        return Collection(
            iterations=self.choice.iterations,
            settings=_settings(self.recipe.config),
            pairs=len(rows) + left_out.total(),
            left_out=dict(sorted(left_out.items())),
            rows=len(rows),
            demands=dict(sorted(kinds.items())),
            written_by=dict(sorted(Counter(row.written_by or "nobody" for row in rows).items())),
            rejected=dict(sorted(count.rejected.items())),
            num_words=percentiles(Counter(row.num_words for row in rows)),
            generated_tokens=count.tokens.generated,
        )


async def _run(
    collecting: Collecting, prepared: PreparedEngine | None, console: Console
) -> CollectResult:
    if prepared is None:
        return await _collect(collecting, None)
    announce = announcing(console)
    async with running_engine(prepared, collecting.files.engine_log, announce) as engine:
        return await _collect(collecting, engine)


async def _collect(collecting: Collecting, engine: Engine | None) -> CollectResult:
    writing = asyncio.create_task(collecting.write(engine))
    interrupted = cancel_on_signal(writing)
    try:
        return CollectResult(collecting.files, await writing)
    except ExceptionGroup as errors:
        raise first_error(errors) from None
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
        return CollectResult(collecting.files, None)


def _choice(run: PreparedRun, iterations: Sequence[int]) -> Choice:
    """Choose the pairs that make rows.

    Raises: DirectoryError: there is none.
    """
    directory, config = run.directory, run.recipe.config
    numbers = _numbers(directory, iterations)
    choice = Choice(
        numbers, *choose(map(directory.more.iteration, numbers), config.collect, config.filter)
    )
    if not choice.pairs:
        raise DirectoryError(f"{directory.folder}: no record makes a row ({choice.reasons})")
    return choice


def _numbers(directory: RunDirectory, iterations: Sequence[int]) -> tuple[int, ...]:
    """Return the iterations that are asked for, all complete ones by default.

    Raises: DirectoryError: one of them is not complete, or there is none.
    """
    complete = [
        number for number in directory.iterations() if directory.iteration(number).manifest.exists()
    ]
    complete += filter(directory.more.is_complete, directory.more.iterations())
    if missing := sorted(set(iterations) - set(complete)):
        raise DirectoryError(
            f"--iterations {missing[0]}: not complete in {directory.folder}; complete are "
            f"{', '.join(map(str, complete)) or 'none'}"
        )
    if not complete:
        raise DirectoryError(f"{directory.folder}: no iteration is complete; run `synth run` first")
    return tuple(sorted(set(iterations) or complete))


def _complete(run: PreparedRun, iterations: Sequence[int]) -> Collection | None:
    """Return what is complete already.

    Raises: DirectoryError: it was made otherwise, or the directory holds another run.
    """
    directory, files = run.directory, run.directory.final
    directory.check(run.resolved)
    if not files.manifest.exists():
        return None
    found = read_as(Collection, files.collection, _DELETE)
    settings = _settings(run.recipe.config)
    differing = [key for key, value in settings.items() if found.settings.get(key) != value]
    if differing or found.iterations != _numbers(directory, iterations):
        what = f"collect.{differing[0]}" if differing else "the iterations"
        raise DirectoryError(f"{files.folder}: made with other values of {what}; {_DELETE}")
    return found


def _settings(config: RunConfig) -> dict[str, object]:
    return config.collect.model_dump(mode="json")


def _asks_model(recipe: Recipe) -> bool:
    """Tell whether the model writes queries.

    Raises: ConfigError: it is to, but there is no prompt for it.
    """
    if recipe.config.collect.rewrite != "model":
        return False
    if not recipe.prompts.has("demand"):
        raise ConfigError(
            f"collect.rewrite: model, but {recipe.config.prompts} has no demand.j2; write one, or "
            "set it to phrase"
        )
    return True
