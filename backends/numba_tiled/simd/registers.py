"""A SIMD register of the CPU, as a type of Numba.

Its width is fixed when this module is imported, from the features of the CPU that Numba compiles for, so the
environment variables `NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES` force a narrower one.

    AVX-512   32 registers of 64 bytes   16 float32 or  8 float64
    AVX2      16 registers of 32 bytes    8 float32 or  4 float64
    SSE       16 registers of 16 bytes    4 float32 or  2 float64   (NEON: 32 registers)
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import models, register_model

_TRIPLE, _, _FEATURES = cpu_target.target_context.codegen().magic_tuple()


def _width(triple: str, features: list[str]) -> tuple[int, int]:
    """Bytes of a vector register, and how many registers there are."""
    if "+avx512f" in features:
        return 64, 32
    if "+avx2" in features and "+fma" in features:
        return 32, 16
    return 16, 32 if triple.startswith(("aarch64", "arm64")) else 16


BYTES, REGISTERS = _width(_TRIPLE, _FEATURES.split(","))


class Vec(types.Type):  # type: ignore[misc]
    """As many elements of `dtype` (a float or a whole number of 32 or 64 bits) as a register holds."""

    def __init__(self, dtype: types.Number) -> None:
        self.dtype = dtype
        self.whole_numbers = isinstance(dtype, types.Integer)
        self.lanes = BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vec({dtype} x {self.lanes})")

    @property
    def llvm(self) -> ir.VectorType:
        """The LLVM type."""
        if self.whole_numbers:
            return ir.VectorType(ir.IntType(self.dtype.bitwidth), self.lanes)
        return ir.VectorType(ir.FloatType() if self.dtype.bitwidth == 32 else ir.DoubleType(), self.lanes)

    @property
    def mask(self) -> ir.VectorType:
        """One bit a lane."""
        return ir.VectorType(ir.IntType(1), self.lanes)

    @property
    def suffix(self) -> str:
        """What LLVM appends to the names of its functions for this type."""
        return f"v{self.lanes}{'i' if self.whole_numbers else 'f'}{self.dtype.bitwidth}"


@register_model(Vec)
class _VecModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vec) -> None:
        super().__init__(manager, kind, kind.llvm)
