"""Precision and recall of the structural rules on labelled texts.

    python -m benchmarks.rules --labelled texts.jsonl

First per rule, on the project's own table of faults and of what only looks like one
(`tests/helpers/structure_texts.py`); then, with `--labelled`, of all of them together on records
(`response`, `instruction`, `defects`) that a person has read: whether a rule objects, against
whether one of `--defect` is marked.
"""

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.support.result import report
from filters.profile import DefaultProfile
from filters.rule import Circumstances
from filters.text.judged import JudgedText

_HELPERS = Path(__file__).parents[1] / "tests" / "helpers"
_PROFILE = DefaultProfile()
_IN_CHINESE = Circumstances("写一篇关于一个地方和那里的人的文章。")
_IN_ENGLISH = Circumstances("Write a text about a place and its people.")
_STRUCTURAL = (
    *("para_loop", "mid_end", "para_near", "meta", "dbl_concl", "quote", "degenerate"),
    *("seam_early_end", "seam_repeat", "seam_restart"),
)


@click.command()
@click.option("--labelled", type=click.Path(path_type=Path, exists=True), help="Records read.")
@click.option("--defect", "defects", multiple=True, default=_STRUCTURAL, help="What counts.")
def main(labelled: Path | None, defects: Sequence[str]) -> None:
    """Print the figures."""
    rows = [*_own_table()]
    arguments = []
    if labelled:
        rows.append(_of_records(labelled, frozenset(defects)))
        arguments = ["--labelled", labelled.name]
        if tuple(defects) != _STRUCTURAL:
            arguments += [part for defect in defects for part in ("--defect", defect)]
    report("rules", shlex.join(arguments), "structural rules on labelled texts", rows)


def _own_table() -> Iterable[dict[str, Any]]:
    sys.path.insert(0, str(_HELPERS))
    from structure_texts import DEFECTS, LOOKALIKES

    fine = [_reasons(text, _known(text)) for texts in LOOKALIKES.values() for text in texts]
    for reason, texts in DEFECTS.items():
        seen = [reason in _reasons(text, _known(text)) for text in texts]
        yield _row(reason, sum(seen), len(seen), sum(reason in found for found in fine), len(fine))


def _of_records(labelled: Path, defects: frozenset[str]) -> dict[str, Any]:
    seen = {True: [False], False: [False]}
    for line in labelled.read_bytes().splitlines():
        record = orjson.loads(line)
        fault = _PROFILE.structural_fault(
            _PROFILE.trim(record["response"]), Circumstances(record["instruction"])
        )
        seen[not defects.isdisjoint(record["defects"])].append(fault is not None)
    faulty, fine = seen[True][1:], seen[False][1:]
    return _row(f"any, {labelled.name}", sum(faulty), len(faulty), sum(fine), len(fine))


def _row(name: str, found: int, faulty: int, wrong: int, fine: int) -> dict[str, Any]:
    return {
        "rule": name,
        "faulty": faulty,
        "found": found,
        "fine": fine,
        "wrongly": wrong,
        "precision": round(found / (found + wrong), 3) if found + wrong else None,
        "recall": round(found / faulty, 3) if faulty else None,
    }


def _known(text: str) -> Circumstances:
    return _IN_CHINESE if sum(map(str.isascii, text)) < len(text) / 2 else _IN_ENGLISH


def _reasons(text: str, known: Circumstances) -> set[str]:
    judged = JudgedText(text)
    return {reason for rule in _PROFILE._rules if (reason := rule.judge(judged, known))}


if __name__ == "__main__":
    main()
