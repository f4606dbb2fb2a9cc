"""What a CPU computes with natively."""

from pathlib import Path
from typing import Literal

# Flags in /proc/cpuinfo: x86 with AVX-512 or AMX, and Arm. Elsewhere bfloat16 products are emulated
# without a gain from batching.
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_CPUINFO = Path("/proc/cpuinfo")


def cpu_dtype(cpuinfo: Path = _CPUINFO) -> Literal["bfloat16", "float32"]:
    """Return bfloat16, or float32 on a CPU that would emulate it, from a list of CPU flags."""
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    return "bfloat16" if _BFLOAT16_FLAGS & flags else "float32"
