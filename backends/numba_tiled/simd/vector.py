"""SIMD vectors in Python: kernels are loops over `load`, `fma` and `store`, and compile to wide instructions.

Numba vectorises a loop only where LLVM can prove that it may; the kernels here must not depend on that. A `Vec` holds
as many elements of an array's type as a register has room for. What is not there in memory must be masked
(`load_between`, `store_first`): lanes under a mask are neither read nor written.

    a + i:           0   1   2   3   4   5   6   7
    load             v0  v1  v2  v3  v4  v5  v6  v7
    load_first 3     v0  v1  v2  0   0   0   0   0      the row ends after 3
    load_between 2 6 0   0   v2  v3  v4  v5  0   0      it begins at 2: padding before, the next row behind
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from backends.numba_tiled.simd import emit
from backends.numba_tiled.simd.emit import (
    I32,
    I64,
    Value,
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
    zero,
)
from backends.numba_tiled.simd.registers import BYTES, Vec

# -- constants -------------------------------------------------------------------------------------------------------


@intrinsic
def lanes(typing: Any, a: Any) -> Any:
    """How many elements of `a` a vector holds."""
    return types.intp(a), lambda context, builder, signature, arguments: int_of(Vec(a.dtype).lanes)


@intrinsic
def zeros(typing: Any, a: Any) -> Any:
    """A vector of zeros, of the type of `a`."""
    vec = Vec(a.dtype)
    return vec(a), lambda context, builder, signature, arguments: zero(vec)


@intrinsic
def fill(typing: Any, a: Any, i: Any) -> Any:
    """Element a[i] in every lane."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        scalar = builder.load(builder.gep(arguments[0], [arguments[1]]))
        return broadcast(builder, vec, scalar)

    return vec(a, types.intp), generate


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
        align = ir.Constant(I32, vec.dtype.bitwidth // 8)
        name = f"llvm.masked.gather.{vec.suffix}.v{vec.lanes}p0"
        return call(builder, name, vec.llvm, [places, align, mask, zero(vec)])

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


# -- arithmetic and permutations -------------------------------------------------------------------------------------


@intrinsic
def _plus(typing: Any, v: Any, w: Any) -> Any:
    """v + w."""
    return v(v, w), lambda context, builder, signature, arguments: builder.fadd(*arguments)


@overload(operator.add, strict=False)
def _add(v: Any, w: Any) -> Any:
    """Makes `v + w` of two vectors `_plus`."""
    return (lambda v, w: _plus(v, w)) if isinstance(v, Vec) and v == w else None  # noqa: PLW0108


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c."""
    return a(a, b, c), lambda context, builder, signature, arguments: multiply_add(builder, a, *arguments)


@intrinsic
def divided(typing: Any, v: Any, w: Any) -> Any:
    """v / w."""
    return v(v, w), lambda context, builder, signature, arguments: builder.fdiv(*arguments)


@intrinsic
def total(typing: Any, v: Any) -> Any:
    """The sum of the lanes, halves added to halves."""
    return v.dtype(v), lambda context, builder, signature, arguments: sum_of_lanes(builder, v, arguments[0])


def _permutation(lanes_of: Callable[[int], list[int]]) -> Any:
    """An intrinsic: some lanes of two vectors, named by their number of lanes."""

    @intrinsic
    def permute(typing: Any, v: Any, w: Any) -> Any:
        """A vector made of lanes of v and w."""
        order = lanes_of(v.lanes)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
            return shuffle(builder, arguments[0], arguments[1], order)

        return v(v, w), generate

    return permute


#     v = v0 v1 v2 v3, w = w0 w1 w2 w3
evens = _permutation(lambda n: list(range(0, 2 * n, 2)))  # v0 v2 w0 w2
odds = _permutation(lambda n: list(range(1, 2 * n, 2)))  # v1 v3 w1 w3
zip_low = _permutation(emit.zip_low)  # v0 w0 v1 w1
zip_high = _permutation(emit.zip_high)  # v2 w2 v3 w3
