"""Prompt sets for extensions, tried on the same initial responses with the same seeds.

    python -m benchmarks.extend_prompts --data runs/demo --prompts en --prompts my_prompts

takes instructions and initial responses from a run's records and rejects, extends each of them
with every prompt set, and prints what was accepted, how much it grew, what it cost and what was
wrong with the rest.
"""

import asyncio
import shlex
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.support.result import report
from selflengthen.config_file import load_config
from selflengthen.process.output_redirect import redirected_output
from selflengthen.tasks import together
from synth.config import RunConfig
from synth.engine.admission.admitting import AdmittingEngine
from synth.engine.base import Completion, Decoding, Engine, FinishReason, Request
from synth.engine.start import prepare_engine, running_engine
from synth.method.books.book import CohortBook
from synth.method.extend import extend_response
from synth.method.prompts.prompt_set import load_prompt_set
from synth.method.recipe import CohortContext, Recipe
from synth.method.registry import InstructionRegistry
from synth.method.sample import ExtendedResponse, InitialResponse, Instruction
from synth.method.slots import Slot
from synth.method.stages import Stage
from synth.run.directory import RunDirectory
from synth.run.prepare import prepare


@dataclass(frozen=True, slots=True)
class Trial:
    """What one prompt set made of the initial responses."""

    name: str
    extended: list[ExtendedResponse]
    num_asked: int
    book: CohortBook

    def row(self) -> dict[str, Any]:
        """Sum it up."""
        num_tokens = self.book.ledger.total().generated + sum(
            completion.num_generated_tokens
            for one in self.extended
            for _, completion in one.exchanges
        )
        num_words = sum(one.num_words for one in self.extended)
        growth = [one.num_words / one.initial.num_words for one in self.extended]
        reasons = Counter(row.reason for row in self.book.rejects)
        return {
            "prompts": self.name,
            "accepted": f"{len(self.extended)} of {self.num_asked}",
            "growth, median": round(statistics.median(growth), 2) if growth else None,
            "words, median": statistics.median(one.num_words for one in self.extended)
            if self.extended
            else None,
            "score, mean": round(statistics.mean(one.score for one in self.extended), 3)
            if self.extended
            else None,
            "words per 1,000 tokens": round(1000 * num_words / num_tokens) if num_tokens else None,
            "dropped": ", ".join(f"{reason} {n}" for reason, n in reasons.most_common(6)),
        }


@click.command()
@click.option("--config", default="configs/cpu.yaml", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A run directory.")
@click.option("--prompts", multiple=True, required=True, help="Prompt sets; give several.")
@click.option("--responses", default=12, type=click.IntRange(min=1), help="Initial responses.")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Of --config.")
def main(
    config: Path, data: Path, prompts: Sequence[str], responses: int, overrides: Sequence[str]
) -> None:
    """Compare prompt sets for extensions."""
    run_config = load_config(RunConfig, config, list(overrides))
    with tempfile.TemporaryDirectory() as folder:
        recipe = prepare(run_config, 1, RunDirectory(Path(folder) / "out")).recipe
        initial = list(_initial_responses(data))[:responses]
        log = Path(folder) / "engine.log"
        with redirected_output(log):
            trials = asyncio.run(_try_all(recipe, prompts, initial, log))
    parts = ["--config", config, "--data", data, "--responses", responses]
    parts += [part for name in prompts for part in ("--prompts", name)]
    parts += [part for value in overrides for part in ("-o", value)]
    title = f"{len(initial)} initial responses, {run_config.extend.extensions} extensions each"
    report("extend_prompts", shlex.join(map(str, parts)), title, [one.row() for one in trials])


async def _try_all(
    recipe: Recipe, names: Sequence[str], initial: Sequence[InitialResponse], log: Path
) -> list[Trial]:
    prepared = prepare_engine(recipe.engine_spec)
    async with running_engine(prepared, log, click.echo) as engine:
        return [await _try(recipe, name, initial, engine) for name in names]


async def _try(
    recipe: Recipe, name: str, initial: Sequence[InitialResponse], engine: Engine
) -> Trial:
    own = replace(recipe, prompts=load_prompt_set(name))
    book = CohortBook(0)
    registry = InstructionRegistry((), own.config.expand)
    context = CohortContext(own, AdmittingEngine(engine), registry, book)
    extensions = own.config.extend.extensions
    found = await together(
        extend_response(response, copy, context)
        for response in initial
        for copy in range(extensions)
    )
    return Trial(name, [one for one in found if one], extensions * len(initial), book)


def _initial_responses(directory: Path) -> Iterator[InitialResponse]:
    """Yield the run's initial responses: of records, and those that length sampling dropped."""
    files = RunDirectory(directory).iteration(1)
    texts: dict[str, tuple[str, str]] = {}
    for record in files.read_records():
        texts[record.initial_response] = (record.instruction, record.id)
    instructions = {record.instruction_id: record.instruction for record in files.read_records()}
    for path in sorted((files.folder / "rejects").glob("*.jsonl")):
        for reject in map(orjson.loads, path.read_bytes().splitlines()):
            instruction = instructions.get(reject["id"].rsplit("-r", 1)[0])
            is_sampled = (reject["stage"], reject["reason"]) == ("generate", "length_sampled")
            if is_sampled and instruction:
                texts[reject["text"]] = (instruction, reject["id"])
    for number, (text, (instruction, text_id)) in enumerate(sorted(texts.items())):
        completion = Completion(text, FinishReason.STOP, 0, 0, 0)
        asked = Request(text_id, (), Decoding(1))
        proposal = Instruction(Slot(1, 0, 0, number), instruction, 1, asked, completion)
        yield InitialResponse(text_id, proposal, text, 1, ((Stage.GENERATE, completion),))


if __name__ == "__main__":
    main()
