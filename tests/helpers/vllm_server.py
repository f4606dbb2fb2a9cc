"""`vllm serve` in a process group of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from command import environment
from trained_adapters import MODEL

_MAX_START_S = 300


class VllmServer:
    """Serves the embedded model on one core, and adapters that are loaded while it runs."""

    def __init__(self, core, log, port=None):
        self._core = core
        self._log = log
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = None

    def start(self):
        options = {
            "model": MODEL,
            "host": "127.0.0.1",
            "port": self.port,
            "dtype": "float32",
            "max-model-len": 1024,
            "max-num-seqs": 16,
            "max-num-batched-tokens": 1024,
            "block-size": 32,
            "kv-cache-memory-bytes": 800_000_000,
            "max-loras": 3,
            "max-lora-rank": 8,
            "generation-config": "vllm",
            "scheduling-policy": "priority",
            "stream-interval": 4,
        }
        flags = ["--enforce-eager", "--enable-lora", "--enable-prompt-tokens-details"]
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments, *flags],
                env=environment()
                | {
                    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
                    "VLLM_CPU_OMP_THREADS_BIND": str(self._core),
                    "VLLM_NO_USAGE_STATS": "1",
                },
                start_new_session=True,
                stdout=log,
                stderr=log,
            )

    def wait(self):
        """Wait until it answers."""
        deadline = time.monotonic() + _MAX_START_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise AssertionError("the server does not answer")

    def kill(self):
        """End it and all its processes at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
