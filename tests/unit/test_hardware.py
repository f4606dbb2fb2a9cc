"""The type that a CPU multiplies natively."""

from pathlib import Path

import pytest

from selflengthen.process.hardware import cpu_dtype


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ("avx2 fma", "float32"),
        ("avx2 avx512f avx512_vnni", "float32"),
        ("avx2 avx512f avx512_bf16", "bfloat16"),
        ("avx512f amx_tile amx_bf16", "bfloat16"),
        ("asimd i8mm bf16", "bfloat16"),
        ("", "float32"),
    ],
)
def test_bfloat16_where_the_cpu_has_it(flags: str, dtype: str, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert cpu_dtype(cpuinfo) == dtype


def test_float32_where_the_flags_are_unknown(tmp_path: Path) -> None:
    assert cpu_dtype(tmp_path / "none") == "float32"
