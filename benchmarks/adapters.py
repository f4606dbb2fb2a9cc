"""What serving adapters costs: base alone, base beside adapters, one, two, and a merged model.

Every engine has a process of its own, and answers the same requests: as many tokens each, whatever
the model would say. A second round counts, so that nothing is warmed up in it.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.support.result import report
from selflengthen.adapter.named import Adapter
from selflengthen.adapter.served import load_adapter
from selflengthen.chat.messages import conversation
from selflengthen.config_file import load_config
from selflengthen.process.output_redirect import redirected_output
from synth.config import RunConfig
from synth.engine.base import Decoding, Engine, EngineSpec, Request
from synth.engine.config import Sampling
from synth.engine.start import prepare_engine, running_engine

_PATH = click.Path(path_type=Path)
_ROUNDS = 2
_ALIKE = Sampling(temperature=1.0, top_k=0, repetition_penalty=1.0)
# Who answers the requests in turn; the engine of the first knows no adapter.
_MIXES = {
    "no adapters": ((),),
    "adapters": ((None,), ("generator",), ("generator", "extender")),
    "merged": ((),),
}


@click.group(invoke_without_command=True)
@click.option("--config", default="configs/cpu.yaml", type=_PATH)
@click.option("--adapters", required=True, type=_PATH, help="Folder with generator and extender.")
@click.option("--merged", type=_PATH, help="The Generator merged into the base (`train merge`).")
@click.option("--requests", default=48, type=click.IntRange(min=1))
@click.option("--tokens", default=96, type=click.IntRange(min=1), help="Of each answer.")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE")
@click.pass_context
def main(context: click.Context, **options: Any) -> None:  # noqa: ANN401 - click's
    """Print the speeds, as multiples of that without adapters."""
    context.obj = options
    if context.invoked_subcommand:
        return
    rows: list[dict[str, Any]] = []
    for engine in _MIXES:
        if engine == "merged" and options["merged"] is None:
            continue
        command = [sys.executable, "-m", "benchmarks.adapters", *_arguments(options), "one", engine]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        rows += orjson.loads(printed.splitlines()[-1])
    alone = rows[0]["tokens/s"]
    for row in rows:
        row["ratio"] = round(row["tokens/s"] / alone, 3)
    text = "; ".join(f"{row['answered by']} {row['ratio']:.2f}" for row in rows)
    report("adapters", " ".join(_arguments(options)), f"of the speed without: {text}", rows)


def _arguments(options: dict[str, Any]) -> list[str]:
    named = ("config", "adapters", "merged", "requests", "tokens")
    given = [(f"--{name}", str(options[name])) for name in named if options[name] is not None]
    overrides = [("-o", override) for override in options["overrides"]]
    return [part for pair in (*given, *overrides) for part in pair]


@main.command()
@click.argument("engine", type=click.Choice(tuple(_MIXES)))
@click.pass_obj
def one(options: dict[str, Any], engine: str) -> None:
    """Measure the mixes of one engine; print them as JSON."""
    config = load_config(RunConfig, options["config"], options["overrides"])
    if engine == "merged":
        model = config.model.model_copy(update={"name": str(options["merged"])})
        config = config.model_copy(update={"model": model})
    adapters = tuple(
        load_adapter(role, options["adapters"] / role, config.model.name)
        for role in ("generator", "extender")
        if engine == "adapters"
    )
    log = Path("/dev/null")
    with redirected_output(log) as terminal:
        rows = asyncio.run(_measure(config, adapters, engine, options))
        terminal.write(orjson.dumps(rows).decode() + "\n")


async def _measure(
    config: RunConfig, adapters: tuple[Adapter, ...], name: str, options: dict[str, Any]
) -> list[dict[str, Any]]:
    spec = EngineSpec(config.model, config.engine, adapters)
    rows = []
    async with running_engine(prepare_engine(spec), Path("/dev/null"), lambda _: None) as engine:
        for mix in _MIXES[name]:
            for number in range(_ROUNDS):
                speed = await _round(engine, mix, f"{mix}-{number}", options)
            answered_by = " and ".join(map(str, mix)).replace("None", "base") or "base"
            rows.append({"engine": name, "answered by": answered_by, "tokens/s": round(speed, 1)})
    return rows


async def _round(
    engine: Engine, mix: tuple[str | None, ...], name: str, options: dict[str, Any]
) -> float:
    """Return the tokens per second of all requests at once."""
    start = time.perf_counter()
    done = await asyncio.gather(
        *(
            engine.generate(
                Request(
                    id=f"{name}-{number}",
                    messages=conversation(f"Write a long story about {number} rivers.", None),
                    decoding=Decoding(options["tokens"], _ALIKE),
                    adapter=mix[number % len(mix)] if mix else None,
                )
            )
            for number in range(options["requests"])
        )
    )
    seconds = time.perf_counter() - start
    return sum(completion.num_generated_tokens for completion in done) / seconds


if __name__ == "__main__":
    main()
