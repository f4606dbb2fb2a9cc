"""Do the tests bite? Puts one small fault at a time into a copy of the project, and tests it.

    python scripts/mutants.py --number 200 --seed 0

prints every fault, whether a test noticed it, and the share of those that were noticed. Real vLLM,
Ray and training are left out, and with them the files that only they reach. Not part of CI: it
takes an hour or two.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("synth/method", "synth/engine", "synth/run", "filters")
# Reached by real vLLM and by commands in processes of their own.
LEFT_OUT = {"vllm.py", "start.py", "chat.py", "server_connection.py", "status.py", "measure.py"}
COPIED = ("synth", "filters", "selflengthen", "train", "tests", "configs", "scripts", "benchmarks")
_FIRST = {
    "filters": ("structure", "endings", "default_profile", "score", "watch", "length_sampling"),
    "synth/method": ("seam", "score", "metrics", "pipeline", "text_form", "prompts"),
    "synth/engine": ("admission", "restarting", "journal", "fleet", "server"),
    "synth/run": ("metrics", "pipeline", "growth", "breaker"),
}
_THEN = (
    "metrics",
    "pipeline",
    "reference_profiles",
    "held_out",
    "growth",
    "breaker",
    "config",
    "near_duplicate",
)
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
_TIMEOUT_S = 300


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
    for node in ast.walk(ast.parse(source)):
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


def _run(mutant: Mutant, folder: Path) -> bool:
    """Return whether a test noticed the fault."""
    path = folder / mutant.file
    whole = path.read_bytes()
    path.write_bytes(whole[: mutant.start] + mutant.after.encode() + whole[mutant.end :])
    room = next(room for room in ROOMS if mutant.file.startswith(room))
    names = dict.fromkeys((*_FIRST[room], *_THEN))
    tests = [f"tests/unit/test_{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_bytes(whole)


def _copy(folder: Path) -> Path:
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
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    everything = [m for path in files if path.name not in LEFT_OUT for m in mutants_of(path)]
    sample = random.Random(options.seed).sample(everything, options.number)
    folders: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory() as temporary:
        for number in range(options.workers):
            folders.put(_copy(Path(temporary, str(number))))

        def noticed(mutant: Mutant) -> bool:
            folder = folders.get()
            try:
                return _run(mutant, folder)
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
