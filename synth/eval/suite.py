"""Suites: requests that ask for a length, of this project or in the form of a public benchmark.

Forms of a line: `{"query"}` with one length demand in its words; LonGen's `{"query", "type",
"constraint"}` (Self-Lengthen, `eval/LonGen.jsonl`, commit 8ad5e9c); LongBench-Write's `{"prompt",
"length"}` (LongWriter, `evaluation/longbench_write.jsonl`, commit ca6ccd4).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filters.demand import Demand, DemandKind, demands_in
from filters.instruction import kind_of
from filters.text.language import language_code
from selflengthen.errors import ConfigError
from selflengthen.files.json_lines import read_items
from synth.eval_config import EvalConfig

BUILT_IN = Path(__file__).parent / "suites" / "builtin.jsonl"
_FORMS = (
    'write {"query": "... about 800 words ..."} in each line, or LonGen\'s or LongBench-Write\'s'
)
_NUMBER = re.compile(r"\d[\d,]*")


@dataclass(frozen=True, slots=True)
class Task:
    """A request that asks for a length."""

    query: str
    demand: Demand
    kind: str
    """Of text."""
    language: str


@dataclass(frozen=True, slots=True)
class Suite:
    """The requests that are answered, and the digest of the file that they are from."""

    name: str
    tasks: tuple[Task, ...]
    digest: str


def load_suite(config: EvalConfig) -> Suite:
    """Load the requests that the configuration asks for.

    Raises: ConfigError: the file, the line and what is wrong with it, or none is left.
    """
    path = BUILT_IN if config.suite == "builtin" else Path(config.suite)
    complaint = f"eval.suite: cannot read {config.suite!r}"
    tasks, digest = read_items(path, _task, complaint, "use builtin or a JSONL file")
    return Suite(config.suite, _chosen(tasks, config), digest)


def _chosen(tasks: Sequence[Task], config: EvalConfig) -> tuple[Task, ...]:
    longest = config.max_words or float("inf")
    fit = [
        task
        for task in tasks
        if config.min_words <= task.demand.middle <= longest
        and config.language in (None, task.language)
    ]
    if not fit:
        raise ConfigError(
            f"eval.suite: of {len(tasks)} requests none is within eval.min_words, eval.max_words "
            "and eval.language; widen them"
        )
    if config.num_requests is not None and config.num_requests > len(fit):
        raise ConfigError(
            f"eval.num_requests: {config.num_requests}, but there are {len(fit)}; set at most "
            f"{len(fit)}"
        )
    return tuple(fit[: config.num_requests])


def _task(row: dict[str, Any]) -> Task:
    query = row.get("query", row.get("prompt"))
    if not isinstance(query, str) or not query.strip():
        raise ValueError(f"no query; {_FORMS}")
    demand = _demand(row, query)
    # LonGen's type is that of the demand, LongBench-Write's that of the text.
    kind = row.get("kind", row.get("type") if "prompt" in row else None)
    return Task(
        query=query.strip(),
        demand=demand,
        kind=kind if isinstance(kind, str) else kind_of(query),
        language=str(row.get("language") or language_code(query)),
    )


def _demand(row: dict[str, Any], query: str) -> Demand:
    if "constraint" in row:
        return _of_longen(row)
    if "length" in row:
        return _of_longbench(row["length"])
    found = demands_in(query)
    if len(found) != 1:
        what = "no length demand" if not found else "more than one length demand"
        raise ValueError(f"{what} in the query; {_FORMS}")
    return found[0].demand


def _of_longen(row: dict[str, Any]) -> Demand:
    name, constraint = row.get("type"), str(row["constraint"])
    if name not in set(DemandKind):
        raise ValueError(f"type {name!r}: unknown; use one of {', '.join(DemandKind)}")
    kind = DemandKind(name)
    numbers = [int(number.replace(",", "")) for number in _NUMBER.findall(constraint)]
    if len(numbers) != (2 if kind is DemandKind.RANGE else 1) or not all(numbers):
        raise ValueError(f"constraint {constraint!r}: not the numbers of type {name}")
    return Demand(kind, numbers[0], numbers[-1])


def _of_longbench(length: object) -> Demand:
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise ValueError(f"length {length!r}: not a number of words above 0")
    return Demand(DemandKind.ABOUT, length, length)
