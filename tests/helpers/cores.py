"""Which cores a test's engine may use: one where tests run side by side, else all."""

import os


def core_settings():
    """Return the overrides of `synth` that bind its engine to the cores of this test's worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return ()
    core = int(worker.removeprefix("gw")) % len(os.sched_getaffinity(0))
    return (f"engine.omp_threads_bind='{core}'",)
