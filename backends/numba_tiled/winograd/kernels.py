"""U: kernels, transformed. Lanes are neighbours in the depth of the product: the channels of one filter.

w     g g g g g g g g g|g g g ...      9 taps of a channel, then those of the next; transposed in registers,
                                       so that tap 0 of 16 channels is one vector, tap 1 another
U     [frequency][filter][channel]
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from backends.numba_tiled.simd.compiled import inner
from backends.numba_tiled.simd.emit import int_of, read_masked, transposed, write
from backends.numba_tiled.simd.registers import Vec
from backends.numba_tiled.simd.vector import lanes
from backends.numba_tiled.winograd.matrices import TAPS, both_ways, of_kernel


@intrinsic
def _kernels(typing: Any, u: Any, i: Any, apart: Any, w: Any, j: Any, pitch: Any, count: Any, nothing: Any) -> Any:
    """u[i + k * apart ...] = frequency k of the kernels at w[j], w[j + pitch], ..., of which `count` are there.

    Taps become vectors by turning the kernels over; LLVM drops the half of it that nobody reads.
    """
    vec = Vec(u.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        u, i, apart, w, j, pitch, count, nothing = arguments
        n, sources, taps = vec.lanes, [], []
        for lane in range(n):
            there = builder.icmp_signed("<", int_of(lane), count)
            sources.append(builder.select(there, builder.gep(w, [j]), nothing))
            j = builder.add(j, pitch)
        for base in range(0, TAPS, n):
            mask = ir.Constant(vec.mask, [base + lane < TAPS for lane in range(n)])
            rows = [read_masked(builder, vec, builder.gep(source, [int_of(base)]), mask) for source in sources]
            taps += transposed(builder, rows)
        for value in chain.from_iterable(both_ways(builder, of_kernel, [taps[:3], taps[3:6], taps[6:TAPS]])):
            write(builder, vec, value, builder.gep(u, [i]))
            i = builder.add(i, apart)
        return context.get_dummy_value()

    whole = types.intp
    return types.void(u, whole, whole, w, whole, whole, whole, nothing), generate


@inner
def transform_kernels(u, apart, w, pitch, depth, nothing):
    """u[k * apart + d] = frequency k of the kernel at w[d * pitch], for d < depth; then zeros, to a whole vector."""
    n = lanes(u)
    for d in range(0, depth, n):
        _kernels(u, d, apart, w, d * pitch, pitch, depth - d, nothing)
