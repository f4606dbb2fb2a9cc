"""Which settings of the engine bring the most accepted words per engine-hour.

    python -m benchmarks.tune --config configs/h100.yaml --out runs/tune

records the requests of a run, then asks them again under each setting, in a process of its own with
an engine of its own, and judges the answers. `--try` names settings to try instead of the built-in
ones. A setting that the engine refuses is a row with its reason. The best becomes `OUT/best.yaml`,
the configuration with that setting.
"""

import asyncio
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson
import yaml
from rich.console import Console

from benchmarks.support.replay import ask_again, read_requests, write_requests
from benchmarks.support.result import report
from benchmarks.support.trace import TracingEngine
from selflengthen.adapter.served import load_adapter
from selflengthen.config_file import load_config
from selflengthen.errors import CommandError
from selflengthen.files.atomic_file import write_json
from selflengthen.process.output_redirect import redirected_output
from synth.config import RunConfig
from synth.engine.base import EngineSpec, Request
from synth.engine.config import EngineConfig
from synth.engine.start import prepare_engine, running_engine
from synth.method.stages import TRAINED_ROLES
from synth.run.directory import RunDirectory
from synth.run.iteration import run_with_engine
from synth.run.prepare import prepare
from synth.run.session import held

_PATH = click.Path(path_type=Path)
_AS_CONFIGURED = "as configured"


@click.group(invoke_without_command=True)
@click.option("--config", default="configs/cpu.yaml", type=_PATH)
@click.option("--out", required=True, type=_PATH, help="Of trace and trials; a trace is kept.")
@click.option("--adapters", type=_PATH, help="Folder with generator and extender, to serve both.")
@click.option("--try", "tries", multiple=True, metavar="'KEY=VALUE ...'", help="A setting.")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Of --config.")
@click.pass_context
def main(context: click.Context, **options: Any) -> None:  # noqa: ANN401 - click's
    """Print what each setting is worth, and write the best."""
    context.obj = options
    if context.invoked_subcommand:
        return
    out: Path = options["out"]
    out.mkdir(parents=True, exist_ok=True)
    config = _load(options, ())
    if not (out / "requests.jsonl").exists():
        _call(options, "record")
    settings = options["tries"] or _built_in(config.engine)
    found: dict[str, dict[str, Any]] = {}
    for number, setting in enumerate(("", *settings)):
        path = out / f"trial-{number}.json"
        _call(options, "one", str(path), *shlex.split(setting))
        found[setting] = orjson.loads(path.read_bytes())
    measured = {setting: trial for setting, trial in found.items() if "refused" not in trial}
    if not measured:
        raise click.ClickException(f"nothing could be measured: {found['']['refused']}")
    best = max(measured, key=lambda setting: _words_an_hour(measured[setting]))
    _write_best(out / "best.yaml", _load(options, shlex.split(best)))
    rows = [_row(setting, trial, found[""]) for setting, trial in found.items()]
    title = f"best: {best or _AS_CONFIGURED}; written: {out / 'best.yaml'}"
    report("tune", shlex.join(_arguments(options)), title, rows)


def _built_in(engine: EngineConfig) -> tuple[str, ...]:
    """Return the settings that are tried where the person names none."""
    return (
        f"engine.max_num_seqs={engine.max_num_seqs // 2}",
        f"engine.max_num_seqs={engine.max_num_seqs * 2}",
        f"engine.max_num_batched_tokens={engine.max_num_batched_tokens * 2}",
        "engine.kv_cache_dtype=fp8",
        "engine.quantization=fp8_per_tensor",
        "'engine.speculative={method: ngram_gpu, num_speculative_tokens: 3}'",
    )


def _arguments(options: dict[str, Any]) -> list[str]:
    named = [("--config", str(options["config"])), ("--out", str(options["out"]))]
    if options["adapters"]:
        named.append(("--adapters", str(options["adapters"])))
    named += [("--try", setting) for setting in options["tries"]]
    named += [("-o", override) for override in options["overrides"]]
    return [part for pair in named for part in pair]


def _call(options: dict[str, Any], *command: str) -> None:
    given = [*_arguments(options | {"tries": ()}), *command]
    subprocess.run([sys.executable, "-m", "benchmarks.tune", *given], check=True)


def _load(options: dict[str, Any], setting: Sequence[str]) -> RunConfig:
    return load_config(RunConfig, options["config"], (*options["overrides"], *setting))


@main.command()
@click.pass_obj
def record(options: dict[str, Any]) -> None:
    """Write down what a run asks."""
    directory = RunDirectory(options["out"] / "run")
    run = prepare(_load(options, ()), 1, directory)

    async def trace(console: Console) -> list[Request]:
        prepared = prepare_engine(run.recipe.engine_spec)
        async with running_engine(prepared, run.files.engine_log, click.echo) as engine:
            tracing = TracingEngine(engine)
            await run_with_engine(run, tracing, console)
            return [request for request, _, _ in tracing.served]

    with held(directory, run.resolved, run.files.engine_log) as terminal:
        requests = asyncio.run(trace(Console(file=terminal)))
    write_requests(options["out"] / "requests.jsonl", requests)


@main.command()
@click.argument("path", type=_PATH)
@click.argument("setting", nargs=-1)
@click.pass_obj
def one(options: dict[str, Any], path: Path, setting: tuple[str, ...]) -> None:
    """Ask everything again under one setting."""
    log = path.with_suffix(".log")
    try:
        with redirected_output(log):
            write_json(path, asyncio.run(_measure(_load(options, setting), options, log)))
    except CommandError as error:
        write_json(path, {"refused": str(error)})


async def _measure(config: RunConfig, options: dict[str, Any], log: Path) -> dict[str, Any]:
    folder = options["adapters"]
    roles = [role.value for role in TRAINED_ROLES] if folder else []
    adapters = tuple(load_adapter(role, folder / role, config.model.name) for role in roles)
    requests = read_requests(options["out"] / "requests.jsonl", by_adapters=bool(folder))
    choices = {choice for request in requests for choice in request.choices}
    spec = EngineSpec(config.model, config.engine, adapters, tuple(sorted(choices)))
    async with running_engine(prepare_engine(spec), log, lambda _: None) as engine:
        answers = await ask_again(engine, requests, config.filter)
    return {
        "seconds": answers.seconds,
        "tokens": answers.num_tokens,
        "accepted": answers.accepted,
        "texts": answers.num_texts,
        "words": answers.num_words,
    }


def _words_an_hour(trial: dict[str, Any]) -> float:
    return sum(trial["accepted"].values()) / trial["seconds"] * 3600


def _row(setting: str, trial: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    named = {"setting": setting or _AS_CONFIGURED}
    figures = ("accepted words/hour", "ratio", "tokens/s", "accepted", "words a text", "note")
    if "refused" in trial:
        return named | dict.fromkeys(figures, "") | {"note": trial["refused"][:120]}
    changed = trial["accepted"].keys() ^ base.get("accepted", {}).keys()
    values = (
        round(_words_an_hour(trial)),
        round(_words_an_hour(trial) / _words_an_hour(base), 3) if base.get("accepted") else "",
        round(trial["tokens"] / trial["seconds"], 1),
        f"{len(trial['accepted'])} of {trial['texts']}",
        round(trial["words"] / max(trial["texts"], 1)),
        f"{len(changed)} verdicts differ",
    )
    return named | dict(zip(figures, values, strict=True))


def _write_best(path: Path, config: RunConfig) -> None:
    tree = config.model_dump(mode="json", exclude_unset=True)
    path.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), "utf-8")


if __name__ == "__main__":
    main()
