"""Starting is quick: no command loads a heavy library before it needs it."""

import ast
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest

from selflengthen.process.own_modules import ROOT

HEAVY = ("vllm", "torch", "transformers", "datasets")


def modules_after(code):
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines())


@pytest.mark.parametrize(
    "code",
    [
        "import filters",
        "import synth.run.iteration",
        "import synth.run.prepare",
        "from synth.__main__ import cli\ncli(['--help'], standalone_mode=False)",
        "from synth.__main__ import cli\ncli(['run', '--help'], standalone_mode=False)",
    ],
)
def test_no_heavy_module_is_loaded(code):
    loaded = modules_after(code)
    assert "synth" in loaded or "filters" in loaded
    assert not loaded & set(HEAVY)


def test_help_does_not_even_load_pydantic():
    loaded = modules_after("from synth.__main__ import cli\ncli(['--help'], standalone_mode=False)")
    assert "click" in loaded
    assert not loaded & {"pydantic", "numpy"}


MAX_DEPTH = 12
PACKAGES = ("synth", "filters", "train", "selflengthen")


def modules():
    paths = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


def imported(tree, known):
    """Yield the modules of ours that are imported as soon as a module is."""
    for node in ast.iter_child_nodes(tree):
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if is_typing or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (part if part in known else node.module for part in parts)
        yield from imported(node, known)


def test_the_longest_chain_of_imports_is_short():
    known = modules()
    graph = {
        name: set(imported(ast.parse(path.read_text("utf-8")), known)) & known.keys() - {name}
        for name, path in known.items()
    }

    @cache
    def chain(name):
        return (name, *max(map(chain, graph[name]), key=len, default=()))

    longest = max(map(chain, graph), key=len)
    assert len(longest) <= MAX_DEPTH, " > ".join(longest)


MAX_MODULES, MAX_LINES = 14, 300


def test_folders_and_files_stay_small():
    folders = Counter(path.parent for path in modules().values())
    assert not {str(path): number for path, number in folders.items() if number > MAX_MODULES}
    lengths = {str(path): len(path.read_text().splitlines()) for path in modules().values()}
    assert not {path: number for path, number in lengths.items() if number > MAX_LINES}
