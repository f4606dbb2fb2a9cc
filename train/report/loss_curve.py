"""The loss over the steps, as a picture."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw_loss_curve(steps: list[dict[str, Any]], path: Path) -> None:
    """Draw training loss, and evaluation loss where there is one, as PNG."""
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=100)
    for key, label, style in (("loss", "training", "-"), ("eval_loss", "evaluation", "o-")):
        points = [(row["step"], row[key]) for row in steps if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label, linewidth=1.5, markersize=4)
    axes.set(xlabel="step", ylabel="loss (nats per token)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
