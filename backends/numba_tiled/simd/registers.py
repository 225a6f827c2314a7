"""A SIMD vector as a type of Numba, and the LLVM instructions that the intrinsics of `vector` are made of.

Surprising fact: the width is fixed when this module is imported, from the features of the CPU that Numba compiles for,
so `NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES` force a narrower one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import models, register_model

_TRIPLE, _, _FEATURES = cpu_target.target_context.codegen().magic_tuple()


def _width(triple: str, features: list[str]) -> tuple[int, int]:
    """Bytes of a vector register and how many there are."""
    if "+avx512f" in features:
        return 64, 32
    if "+avx2" in features and "+fma" in features:
        return 32, 16
    return 16, 32 if triple.startswith(("aarch64", "arm64")) else 16


BYTES, REGISTERS = _width(_TRIPLE, _FEATURES.split(","))
_MASK_REGISTERS = BYTES == 64  # AVX-512 makes a mask from an integer in one instruction

I64, I32 = ir.IntType(64), ir.IntType(32)
Value = Any  # an LLVM value


class Vec(types.Type):
    """As many elements as a register holds."""

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        self.lanes = BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vec({dtype} x {self.lanes})")

    @property
    def llvm(self) -> ir.VectorType:
        """The LLVM type."""
        return ir.VectorType(ir.FloatType() if self.dtype.bitwidth == 32 else ir.DoubleType(), self.lanes)

    @property
    def mask(self) -> ir.VectorType:
        """One bit a lane."""
        return ir.VectorType(ir.IntType(1), self.lanes)

    @property
    def suffix(self) -> str:
        """What LLVM appends to the names of its functions for this type."""
        return f"v{self.lanes}f{self.dtype.bitwidth}"


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vec) -> None:
        super().__init__(manager, kind, kind.llvm)


# -- what the intrinsics below are made of ---------------------------------------------------------------------------


def int_of(value: int) -> ir.Constant:
    """A 64-bit constant."""
    return ir.Constant(I64, value)


def call(builder: Any, name: str, result: Any, arguments: list[Value]) -> Value:
    """Call one of LLVM's own functions."""
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def read(builder: Any, vec: Vec, address: Value) -> Value:
    """Load a vector from any address."""
    loaded = builder.load(builder.bitcast(address, vec.llvm.as_pointer()))
    loaded.align = vec.dtype.bitwidth // 8
    return loaded


def write(builder: Any, vec: Vec, value: Value, address: Value) -> Value:
    """Store a vector to any address."""
    stored = builder.store(value, builder.bitcast(address, vec.llvm.as_pointer()))
    stored.align = vec.dtype.bitwidth // 8
    return stored


def broadcast(builder: Any, vec: Vec, scalar: Value) -> Value:
    """A scalar in every lane."""
    return everywhere(builder, vec.llvm, scalar)


def everywhere(builder: Any, kind: ir.VectorType, scalar: Value) -> Value:
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
    return shuffle(builder, first, undefined, [0] * kind.count)


def steps(count: int, size: int) -> list[int]:
    return [lane * size for lane in range(count)]


def shuffle(builder: Any, a: Value, b: Value, lanes: list[int]) -> Value:
    """Lanes of a (0 and up) and b (from the number of lanes up)."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(lanes)), lanes))


def multiply_add(builder: Any, vec: Vec, a: Value, b: Value, c: Value) -> Value:
    """a * b + c, fused where the CPU can."""
    return call(builder, f"llvm.fmuladd.{vec.suffix}", vec.llvm, [a, b, c])


def sum_of_lanes(builder: Any, vec: Vec, value: Value) -> Value:
    """The sum of the lanes, halves added to halves."""
    width = vec.lanes
    while width > 1:
        width //= 2
        upper = shuffle(builder, value, value, [*range(width, 2 * width), *range(width, vec.lanes)])
        value = builder.fadd(value, upper)
    return builder.extract_element(value, ir.Constant(I32, 0))


def first(builder: Any, vec: Vec, count: Value) -> Value:
    """The mask of the lanes before `count`, which may be anything."""
    if _MASK_REGISTERS:
        lanes = int_of(vec.lanes)
        low = builder.select(builder.icmp_signed("<", count, int_of(0)), int_of(0), count)
        low = builder.select(builder.icmp_signed("<", low, lanes), low, lanes)
        ones = builder.sub(builder.shl(int_of(1), low), int_of(1))
        return builder.bitcast(builder.trunc(ones, ir.IntType(vec.lanes)), vec.mask)
    wide = ir.VectorType(I64, vec.lanes)
    return builder.icmp_signed("<", ir.Constant(wide, steps(vec.lanes, 1)), everywhere(builder, wide, count))


def between(builder: Any, vec: Vec, low: Value, high: Value) -> Value:
    return builder.and_(first(builder, vec, high), builder.not_(first(builder, vec, low)))


def read_masked(builder: Any, vec: Vec, address: Value, mask: Value) -> Value:
    address = builder.bitcast(address, vec.llvm.as_pointer())
    align = ir.Constant(I32, vec.dtype.bitwidth // 8)
    zero = ir.Constant(vec.llvm, [0.0] * vec.lanes)
    return call(builder, f"llvm.masked.load.{vec.suffix}.p0", vec.llvm, [address, align, mask, zero])


def write_first(builder: Any, vec: Vec, value: Value, address: Value, count: Value) -> None:
    """Store the lanes before `count`, which may be anything."""
    write_masked(builder, vec, value, address, first(builder, vec, count))


def write_masked(builder: Any, vec: Vec, value: Value, address: Value, mask: Value) -> None:
    address = builder.bitcast(address, vec.llvm.as_pointer())
    align = ir.Constant(I32, vec.dtype.bitwidth // 8)
    call(builder, f"llvm.masked.store.{vec.suffix}.p0", ir.VoidType(), [value, address, align, mask])
