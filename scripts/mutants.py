"""Do the tests bite? Puts one small fault at a time into a copy of the project, and tests it.

    python scripts/mutants.py --number 200 --seed 0

prints every fault, whether a test noticed it, and the share of those that were noticed. A fault is
tried on the tests that run its line. Real vLLM, Ray and training are left out, and with them the
files that only they reach. Not part of CI: it takes an hour.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from xml.etree import ElementTree

from coverage import CoverageData

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("synth/method", "synth/engine", "synth/run", "filters")
# Reached by real vLLM and by commands in processes of their own.
LEFT_OUT = {"vllm.py", "start.py", "chat.py", "server_connection.py", "status.py", "measure.py"}
COPIED = ("synth", "filters", "selflengthen", "train", "tests", "configs", "scripts", "benchmarks")
_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
TESTS = ("tests/unit", "tests/faults")
LIGHT = "not engine and not exhaustive"
_TIMEOUT_S = 300
# Of the tests that run a line; the slowest beyond it are left out.
_MAX_S = 60.0


@dataclass(frozen=True)
class Mutant:
    """A fault: a part of a file, and what stands there instead."""

    file: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before[:60]!r} -> {self.after[:60]!r}"


def mutants_of(file: Path) -> Iterator[Mutant]:
    """Yield every fault that can be put into a file."""
    source = file.read_text("utf-8")
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    decorators = {
        id(part)
        for node in ast.walk(tree)
        for decorator in getattr(node, "decorator_list", ())
        for part in ast.walk(decorator)
    }
    for node in ast.walk(tree):
        if id(node) in decorators:
            continue  # a dataclass without slots does what one with them does
        for changed in _changes(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            before = source.encode()[start:end].decode()
            name = str(file.relative_to(ROOT))
            yield Mutant(name, node.lineno, start, end, before, changed)


def _changes(node: ast.AST) -> Iterator[str]:  # noqa: C901 - one table
    match node:
        case ast.Compare(left, [operator], [right]) if type(operator) in _SWAPPED:
            yield ast.unparse(ast.Compare(left, [_SWAPPED[type(operator)]()], [right]))
        case ast.BinOp(left, operator, right) if type(operator) in _SWAPPED:
            if not isinstance(left, ast.Constant) or not isinstance(left.value, str):
                yield f"({ast.unparse(ast.BinOp(left, _SWAPPED[type(operator)](), right))})"
        case ast.BoolOp(operator, values):
            yield f"({ast.unparse(ast.BoolOp(_SWAPPED[type(operator)](), values))})"
        case ast.UnaryOp(ast.Not(), operand):
            yield f"({ast.unparse(operand)})"
        case ast.Constant(bool() as value):
            yield str(not value)
        case ast.Constant(int() | float() as value):
            yield str(value + 1)
        case ast.Return(ast.expr()):
            yield "return None"
        case ast.Expr(ast.Call() | ast.Await()):
            yield "pass"


class CoveringTests:
    """The tests that run a line, the quickest of every file first."""

    def __init__(self, folder: Path) -> None:
        """Run all light tests of a copy once, unless that was done, and see what each runs."""
        data, results = folder / ".coverage", folder / "results.xml"
        if not results.exists():
            self._run_all(folder, results)
        self._folder = folder
        self._data = CoverageData(str(data))
        self._data.read()
        self._seconds = {
            f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": float(
                case.get("time", "0")
            )
            for case in ElementTree.parse(results).iter("testcase")
            # Those that fail without a fault say nothing about one.
            if case.find("failure") is None and case.find("error") is None
        }

    def _run_all(self, folder: Path, results: Path) -> None:
        covered = [f"--cov={folder / name}" for name in ("synth", "filters", "selflengthen")]
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, "-m", LIGHT),
            *("--numprocesses", str(os.cpu_count() or 1), "--dist", "loadfile"),
            *("--no-loadscope-reorder", f"--junitxml={results}"),
            *("--cov-context=test", "--cov-report=", *covered),
        ]
        subprocess.run(command, cwd=folder, check=False, env=_environment(folder))

    def of(self, mutant: Mutant) -> list[str]:
        """Return the ids of the tests that run a mutant's line.

        A line that runs when its file is imported is left to the tests of the whole file.
        """
        lines = self._data.contexts_by_lineno(str(self._folder / mutant.file))
        found = self._tests(lines.get(mutant.line, ()))
        found = found or self._tests(name for names in lines.values() for name in names)
        ranks: Counter[str] = Counter()
        order = {}
        for test in sorted(found, key=self._seconds.__getitem__):
            file = test.partition("::")[0]
            order[test] = ranks[file]
            ranks[file] += 1
        chosen, seconds = [], 0.0
        # The quickest of every file, then the next of every file: files have their own subjects.
        for test in sorted(order, key=lambda test: (order[test], self._seconds[test])):
            seconds += self._seconds[test]
            if chosen and seconds > _MAX_S:
                break
            chosen.append(test)
        return chosen

    def _tests(self, contexts: Iterable[str]) -> set[str]:
        return {context.partition("|")[0] for context in contexts} & self._seconds.keys()


def _run(mutant: Mutant, tests: list[str], folder: Path) -> bool:
    """Return whether a test noticed the fault."""
    if not tests:
        return False
    path, chosen = folder / mutant.file, folder / "chosen.txt"
    whole = path.read_bytes()
    path.write_bytes(whole[: mutant.start] + mutant.after.encode() + whole[mutant.end :])
    chosen.write_text("\n".join(tests))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"@{chosen}"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            env=_environment(folder),
        )
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_bytes(whole)


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def _copy(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    (folder / "models").symlink_to(ROOT / "models")
    (folder / "docs").symlink_to(ROOT / "docs")
    return folder


def main() -> None:
    """Try a sample of faults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="Folder of the copies; their coverage is kept.")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    everything = [m for path in files if path.name not in LEFT_OUT for m in mutants_of(path)]
    sample = random.Random(options.seed).sample(everything, options.number)
    folders: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        for number in range(options.workers):
            folders.put(_copy(work / str(number)))
        covered = work / "covered"
        covering = CoveringTests(covered if covered.exists() else _copy(covered))
        tests = {mutant: covering.of(mutant) for mutant in sample}

        def noticed(mutant: Mutant) -> bool:
            folder = folders.get()
            try:
                return _run(mutant, tests[mutant], folder)
            finally:
                folders.put(folder)

        num_noticed = 0
        with ThreadPoolExecutor(options.workers) as pool:
            results = zip(sample, pool.map(noticed, sample), strict=True)
            for number, (mutant, is_noticed) in enumerate(results, start=1):
                num_noticed += is_noticed
                verdict = "noticed " if is_noticed else "survived"
                sys.stdout.write(f"{number:4} {verdict}  {mutant}\n")
                sys.stdout.flush()
    share = num_noticed / len(sample)
    sys.stdout.write(f"{num_noticed} of {len(sample)} faults noticed ({share:.0%})\n")


if __name__ == "__main__":
    main()
