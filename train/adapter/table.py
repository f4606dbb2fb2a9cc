"""An adapter's report as a table."""

from rich.console import Console
from rich.table import Table

from train.adapter.check import AdapterReport


def print_report(report: AdapterReport, console: Console) -> None:
    """Print what `train check` found."""
    rows = {
        "base model": report.base_model,
        "base layers": report.base_layers,
        "rank, alpha": f"{report.rank}, {report.alpha:g}",
        "targets": ", ".join(report.target_modules),
        "weights": f"{report.num_tensors:,} tensors, {report.num_parameters:,} parameters, "
        f"{report.dtype}",
        "vLLM": report.vllm_loader,
    }
    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
