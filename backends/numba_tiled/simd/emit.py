"""LLVM instructions on vectors: what the intrinsics of this package are made of.

The functions here run while Numba compiles. Each appends instructions to the function that is being built.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from backends.numba_tiled.simd.registers import BYTES, Vec

I64, I32 = ir.IntType(64), ir.IntType(32)
Value = Any  # an LLVM value
_MASK_REGISTERS = BYTES == 64  # AVX-512 makes a mask from an integer in one instruction


def int_of(value: int) -> ir.Constant:
    """A 64-bit constant."""
    return ir.Constant(I64, value)


def zero(vec: Vec) -> ir.Constant:
    """A vector of zeros."""
    return ir.Constant(vec.llvm, [0] * vec.lanes)


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
    """A scalar in every lane of a vector of any kind."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
    return shuffle(builder, first, undefined, [0] * kind.count)


def steps(count: int, size: int) -> list[int]:
    """0, size, 2 * size, ..."""
    return [lane * size for lane in range(count)]


def shuffle(builder: Any, a: Value, b: Value, lanes: list[int]) -> Value:
    """The named lanes of a (0 and up) and of b (from the number of lanes up), in that order."""
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
    """The mask of the lanes low <= lane < high, which may be anything."""
    return builder.and_(first(builder, vec, high), builder.not_(first(builder, vec, low)))


def read_masked(builder: Any, vec: Vec, address: Value, mask: Value) -> Value:
    """Load the lanes of the mask; the others are zero, and their memory is not touched."""
    address = builder.bitcast(address, vec.llvm.as_pointer())
    align = ir.Constant(I32, vec.dtype.bitwidth // 8)
    return call(builder, f"llvm.masked.load.{vec.suffix}.p0", vec.llvm, [address, align, mask, zero(vec)])


def write_first(builder: Any, vec: Vec, value: Value, address: Value, count: Value) -> None:
    """Store the lanes before `count`, which may be anything."""
    write_masked(builder, vec, value, address, first(builder, vec, count))


def write_masked(builder: Any, vec: Vec, value: Value, address: Value, mask: Value) -> None:
    """Store the lanes of the mask; other memory is not touched."""
    address = builder.bitcast(address, vec.llvm.as_pointer())
    align = ir.Constant(I32, vec.dtype.bitwidth // 8)
    call(builder, f"llvm.masked.store.{vec.suffix}.p0", ir.VoidType(), [value, address, align, mask])


def zip_low(n: int) -> list[int]:
    """The lanes a0 b0 a1 b1 ... of two vectors of n lanes: their lower halves, zipped."""
    return [lane for k in range(n // 2) for lane in (k, n + k)]


def zip_high(n: int) -> list[int]:
    """The same of their upper halves."""
    return [lane for k in range(n // 2, n) for lane in (k, n + k)]


def transposed(builder: Any, rows: list[Value]) -> list[Value]:
    """Lane k of every row in vector k, for as many rows as lanes.

    The first half of the rows is zipped with the second half, log2 of their number of times. With 4 lanes:

        a0 a1 a2 a3       a0 c0 a1 c1       a0 b0 c0 d0
        b0 b1 b2 b3  ->   a2 c2 a3 c3  ->   a1 b1 c1 d1
        c0 c1 c2 c3       b0 d0 b1 d1       a2 b2 c2 d2
        d0 d1 d2 d3       b2 d2 b3 d3       a3 b3 c3 d3
    """
    n = len(rows)
    streams = [[row] for row in rows]
    while len(streams) > 1:
        half = len(streams) // 2
        streams = [
            [
                shuffle(builder, a, b, order)
                for a, b in zip(one, two, strict=True)
                for order in (zip_low(n), zip_high(n))
            ]
            for one, two in zip(streams[:half], streams[half:], strict=True)
        ]
    return streams[0]
