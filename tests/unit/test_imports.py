"""Starting is quick: no command loads a heavy library before it needs it."""

import subprocess
import sys

import pytest

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
