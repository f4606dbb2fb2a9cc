"""Asked against written length, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

from selflengthen.contract.exam.eval_answer import EvalAnswer
from selflengthen.files.atomic_file import atomic_file

mpl.use("Agg")
from matplotlib import pyplot as plt

_SIDE_INCHES = 4.2
_MARKS = {"about": "o", "range": "s", "above": "^", "below": "v"}


def draw_lengths(answers: Mapping[str, Sequence[EvalAnswer]], path: Path) -> None:
    """Draw a panel for each subject, as PNG: every answer, and the line of what is asked for."""
    written = [max(one.num_words, 1) for found in answers.values() for one in found]
    asked = [_asked(one) for found in answers.values() for one in found]
    limits = (0.8 * min(*written, *asked), 1.25 * max(*written, *asked))
    figure, panels = plt.subplots(
        1,
        len(answers),
        figsize=(_SIDE_INCHES * len(answers), _SIDE_INCHES),
        dpi=110,
        sharey=True,
        squeeze=False,
    )
    for panel, (name, found) in zip(panels[0], answers.items(), strict=True):
        panel.plot(limits, limits, "--", color="gray", linewidth=1)
        for kind, mark in _MARKS.items():
            points = [
                (_asked(one), max(one.num_words, 1)) for one in found if one.demand.kind == kind
            ]
            if points:
                panel.scatter(*zip(*points, strict=True), s=22, alpha=0.55, marker=mark, label=kind)
        panel.set(xscale="log", yscale="log", xlim=limits, ylim=limits, title=name)
        panel.set_xlabel("words asked for")
        panel.grid(alpha=0.25)
    panels[0][0].set_ylabel("words written")
    panels[0][0].legend(fontsize="small")
    figure.tight_layout()
    with atomic_file(path) as file:
        figure.savefig(file, format="png")
    plt.close(figure)


def _asked(answer: EvalAnswer) -> float:
    return (answer.demand.low + answer.demand.high) / 2
