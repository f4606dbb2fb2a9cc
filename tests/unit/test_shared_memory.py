import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command import environment

HOLDER = """
import signal, sys
from multiprocessing.shared_memory import SharedMemory
from selflengthen.process.shared_memory import outlive_group
if sys.argv[1] == "True":
    outlive_group()
memory = SharedMemory(create=True, size=1024)
print(memory.name, flush=True)
signal.pause()
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory is not seen as files")
@pytest.mark.parametrize("guarded", [True, False])
def test_shared_memory_is_removed_after_its_process_group_was_killed(guarded):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(guarded)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    memory = Path("/dev/shm", holder.stdout.readline().strip())
    assert memory.exists()
    os.killpg(holder.pid, signal.SIGKILL)
    holder.communicate()
    deadline = time.monotonic() + (20 if guarded else 1)
    while memory.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert memory.exists() is not guarded
    memory.unlink(missing_ok=True)
