"""Pointers in Python: addresses of contiguous arrays, read and written without a check.

Positions count elements. Nothing is checked and nothing wraps around: what is not there must not be named.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from backends.numba_tiled.simd.compiled import inlined
from backends.numba_tiled.simd.emit import I32, I64, Value, call, int_of
from backends.numba_tiled.simd.registers import BYTES, Vec

Pointer = Any  # to float32, float64 or int64; compiled functions take the type from what they are called with


class Matrix(NamedTuple):
    """Rows of numbers: element k of row r is p[r * pitch + k]. With a pitch of 0 all rows are the same."""

    p: Pointer
    pitch: int


@intrinsic
def pointer(typing: Any, a: Any) -> Any:
    """The address of an array's first element. The array must outlive it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(a.dtype)(a), generate


@intrinsic
def moved(typing: Any, p: Any, i: Any) -> Any:
    """The pointer to p[i]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        return builder.gep(arguments[0], [arguments[1]])

    return p(p, types.intp), generate


@intrinsic
def get(typing: Any, a: Any, i: Any) -> Any:
    """a[i] for i >= 0, without Python's wrapping around, which costs a branch."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        return builder.load(builder.gep(arguments[0], [arguments[1]]))

    return a.dtype(a, types.intp), generate


@intrinsic
def put(typing: Any, a: Any, i: Any, value: Any) -> Any:
    """a[i] = value for i >= 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        builder.store(arguments[2], builder.gep(arguments[0], [arguments[1]]))
        return context.get_dummy_value()

    return types.void(a, types.intp, a.dtype), generate


@intrinsic
def misaligned(typing: Any, a: Any, i: Any) -> Any:
    """How many elements a[i] is past a multiple of the vector width in memory."""
    size = Vec(a.dtype).dtype.bitwidth // 8

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        address = builder.ptrtoint(builder.gep(arguments[0], [arguments[1]]), I64)
        return builder.udiv(builder.and_(address, int_of(BYTES - 1)), int_of(size))

    return types.intp(a, types.intp), generate


@intrinsic
def prefetch(typing: Any, a: Any, i: Any) -> Any:
    """Ask for the line of a[i], which may be outside, to be in the L2 cache when it is loaded."""
    return types.void(a, types.intp), _prefetch(0, 2)


@intrinsic
def prefetch_to_write(typing: Any, a: Any, i: Any) -> Any:
    """Ask for the line of a[i] to be in the L1 cache, and in no other core's, when it is stored."""
    return types.void(a, types.intp), _prefetch(1, 3)


def _prefetch(write: int, level: int) -> Any:
    """Code for LLVM's hint: 0 to read or 1 to write, 3 for the L1 cache and 2 for L2."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), cgutils.voidptr_t)
        hints = [ir.Constant(I32, hint) for hint in (write, level, 1)]  # 1: data, not code
        call(builder, "llvm.prefetch.p0", ir.VoidType(), [place, *hints])
        return context.get_dummy_value()

    return generate


@intrinsic
def fence(typing: Any) -> Any:
    """Streamed stores are seen by other threads before anything that follows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@inlined
def from_row(matrix, r):
    """The rows of a matrix from row r on."""
    return Matrix(moved(matrix.p, r * matrix.pitch), matrix.pitch)
