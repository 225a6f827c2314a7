"""SIMD vectors in Python: kernels are loops over `load`, `fma` and `store`, and compile to wide instructions.

Numba vectorises a loop only where LLVM can prove that it may; the kernels here must not depend on that. A `Vec` holds
as many elements of an array's type as a register has room for. Pointers are to flat contiguous arrays, positions count
elements and are not checked: what is not there must be masked (`load_between`, `store_first`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from backends.numba_tiled.simd.registers import (
    BYTES,
    I32,
    I64,
    Value,
    Vec,
    between,
    broadcast,
    call,
    everywhere,
    first,
    int_of,
    multiply_add,
    read,
    read_masked,
    shuffle,
    steps,
    sum_of_lanes,
    write,
    write_first,
    write_masked,
)

# -- constants and scalars -------------------------------------------------------------------------------------------


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
def lanes(typing: Any, a: Any) -> Any:
    """How many elements of `a` a vector holds."""
    return types.intp(a), lambda context, builder, signature, arguments: int_of(Vec(a.dtype).lanes)


@intrinsic
def zeros(typing: Any, a: Any) -> Any:
    """A vector of zeros, of the type of `a`."""
    vec = Vec(a.dtype)
    return vec(a), lambda context, builder, signature, arguments: ir.Constant(vec.llvm, [0.0] * vec.lanes)


@intrinsic
def fill(typing: Any, a: Any, i: Any) -> Any:
    """Element i of `a` in every lane."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        scalar = builder.load(builder.gep(arguments[0], [arguments[1]]))
        return broadcast(builder, vec, scalar)

    return vec(a, types.intp), generate


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
def fence(typing: Any) -> Any:
    """Streamed stores are seen by other threads before anything that follows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


# -- loads and stores ------------------------------------------------------------------------------------------------


@intrinsic
def load(typing: Any, a: Any, i: Any) -> Any:
    """The elements from a[i] on."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        return read(builder, vec, builder.gep(arguments[0], [arguments[1]]))

    return vec(a, types.intp), generate


@intrinsic
def load_between(typing: Any, a: Any, i: Any, low: Any, high: Any) -> Any:
    """Lanes low <= lane < high from a[i + lane]; the others are zero, and their memory is not touched."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        mask = between(builder, vec, arguments[2], arguments[3])
        return read_masked(builder, vec, builder.gep(arguments[0], [arguments[1]]), mask)

    return vec(a, types.intp, types.intp, types.intp), generate


@intrinsic
def load_first(typing: Any, a: Any, i: Any, count: Any) -> Any:
    """Lanes before `count` from a[i + lane]; the others are zero."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        mask = first(builder, vec, arguments[2])
        return read_masked(builder, vec, builder.gep(arguments[0], [arguments[1]]), mask)

    return vec(a, types.intp, types.intp), generate


@intrinsic
def load_every(typing: Any, a: Any, i: Any, step: Any, low: Any, high: Any) -> Any:
    """Lanes low <= lane < high from a[i + lane * step]; the others are zero."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        base = builder.gep(arguments[0], [arguments[1]])
        size, wide = vec.dtype.bitwidth // 8, ir.VectorType(I64, vec.lanes)
        offsets = builder.mul(everywhere(builder, wide, arguments[2]), ir.Constant(wide, steps(vec.lanes, size)))
        places = builder.add(everywhere(builder, wide, builder.ptrtoint(base, I64)), offsets)
        places = builder.inttoptr(places, ir.VectorType(base.type, vec.lanes))
        mask = between(builder, vec, arguments[3], arguments[4])
        align, zero = ir.Constant(I32, vec.dtype.bitwidth // 8), ir.Constant(vec.llvm, [0.0] * vec.lanes)
        name = f"llvm.masked.gather.{vec.suffix}.v{vec.lanes}p0"
        return call(builder, name, vec.llvm, [places, align, mask, zero])

    return vec(a, types.intp, types.intp, types.intp, types.intp), generate


@intrinsic
def store(typing: Any, a: Any, i: Any, value: Any) -> Any:
    """To a[i] and the elements after it."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        write(builder, vec, arguments[2], builder.gep(arguments[0], [arguments[1]]))
        return context.get_dummy_value()

    return types.void(a, types.intp, vec), generate


@intrinsic
def store_first(typing: Any, a: Any, i: Any, value: Any, count: Any) -> Any:
    """The lanes before `count`; memory after them is not touched."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        place = builder.gep(arguments[0], [arguments[1]])
        write_first(builder, vec, arguments[2], place, arguments[3])
        return context.get_dummy_value()

    return types.void(a, types.intp, vec, types.intp), generate


@intrinsic
def store_between(typing: Any, a: Any, i: Any, value: Any, low: Any, high: Any) -> Any:
    """Lanes low <= lane < high to a[i + lane]; other memory is not touched."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        place = builder.gep(arguments[0], [arguments[1]])
        write_masked(builder, vec, arguments[2], place, between(builder, vec, arguments[3], arguments[4]))
        return context.get_dummy_value()

    return types.void(a, types.intp, vec, types.intp, types.intp), generate


@intrinsic
def stream(typing: Any, a: Any, i: Any, value: Any) -> Any:
    """Past the caches, so that no line is read to be overwritten; `misaligned(a, i)` must be 0. See `fence`."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        stored = write(builder, vec, arguments[2], builder.gep(arguments[0], [arguments[1]]))
        stored.align = BYTES
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(I32, 1)]))
        return context.get_dummy_value()

    return types.void(a, types.intp, vec), generate


@intrinsic
def prefetch(typing: Any, a: Any, i: Any) -> Any:
    """Ask for the line of a[i], which may be outside, to be in the caches when it is loaded."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), cgutils.voidptr_t)
        hints = [ir.Constant(I32, hint) for hint in (0, 3, 1)]  # to read; into the L1 cache; data
        call(builder, "llvm.prefetch.p0", ir.VoidType(), [place, *hints])
        return context.get_dummy_value()

    return types.void(a, types.intp), generate


# -- arithmetic and permutations -------------------------------------------------------------------------------------


@intrinsic
def _plus(typing: Any, v: Any, w: Any) -> Any:
    return v(v, w), lambda context, builder, signature, arguments: builder.fadd(*arguments)


@overload(operator.add, strict=False)
def _add(v: Any, w: Any) -> Any:
    return (lambda v, w: _plus(v, w)) if isinstance(v, Vec) and v == w else None  # noqa: PLW0108


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c."""
    return a(a, b, c), lambda context, builder, signature, arguments: multiply_add(builder, a, *arguments)


@intrinsic
def total(typing: Any, v: Any) -> Any:
    """The sum of the lanes, halves added to halves."""
    return v.dtype(v), lambda context, builder, signature, arguments: sum_of_lanes(builder, v, arguments[0])


def _permutation(lanes_of: Callable[[int], list[int]]) -> Any:
    @intrinsic
    def permute(typing: Any, v: Any, w: Any) -> Any:
        order = lanes_of(v.lanes)
        return v(v, w), lambda context, builder, signature, arguments: shuffle(builder, *arguments, order)

    return permute


evens = _permutation(lambda n: list(range(0, 2 * n, 2)))  # elements 0, 2, 4, ... of v followed by w
odds = _permutation(lambda n: list(range(1, 2 * n, 2)))
zip_low = _permutation(lambda n: [lane for k in range(n // 2) for lane in (k, n + k)])  # v0 w0 v1 w1 ...
zip_high = _permutation(lambda n: [lane for k in range(n // 2, n) for lane in (k, n + k)])
