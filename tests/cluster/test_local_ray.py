"""The Ray that `synth run` starts for itself: who can reach it, and what a dead replica leaves."""

import json
import subprocess
import sys
from pathlib import Path

from command import environment

HELPERS = Path(__file__).parents[1] / "helpers"


def test_local_ray_is_on_loopback_and_a_killed_replica_leaves_nothing():
    """A core that ignores SIGTERM ends with its replica; then its shared memory is removed."""
    paths = {"PYTHONPATH": f"{HELPERS.parents[1]}:{HELPERS}"}
    command = [sys.executable, "-c", "import local_ray; local_ray.main()"]
    done = subprocess.run(
        command, env=environment() | paths, check=False, timeout=120, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout.decode().splitlines()[-1])
    listening = {address.removeprefix("::ffff:") for address in found["listening"]}
    assert listening == {"127.0.0.1"}
    assert found["num_children"] == 2  # the core, and Python's resource tracker
    assert found["alive"] == 0
    assert not found["memory"]
