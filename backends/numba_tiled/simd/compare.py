"""Vectors compared lane by lane: what a maximum, and the place of a maximum, are made of.

NaN is larger than everything and stays once it is there, so that no maximum loses one. Of equals the earlier stays.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from backends.numba_tiled.simd.emit import Value, everywhere
from backends.numba_tiled.simd.registers import Vec


@intrinsic
def least(typing: Any, a: Any) -> Any:
    """A vector, of the type of `a`, of what is larger than nothing: -inf, or the least whole number."""
    vec = Vec(a.dtype)
    value = -(1 << vec.dtype.bitwidth - 1) if vec.whole_numbers else float("-inf")
    return vec(a), lambda context, builder, signature, arguments: ir.Constant(vec.llvm, [value] * vec.lanes)


@intrinsic
def larger(typing: Any, v: Any, w: Any) -> Any:
    """The larger of each lane of v and w; NaN if either is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        v_, w_ = arguments
        if v.whole_numbers:
            return builder.select(builder.icmp_signed(">", w_, v_), w_, v_)
        ordered = builder.select(builder.fcmp_ordered(">", w_, v_), w_, v_)  # one instruction, which loses a NaN of w
        return builder.select(builder.fcmp_unordered("uno", w_, w_), w_, ordered)

    return v(v, w), generate


@intrinsic
def keep_larger(typing: Any, best: Any, place: Any, v: Any, k: Any) -> Any:
    """(best, place), with lanes of v and the number k instead where v is larger: `place` tells where the best was."""
    both = types.Tuple((best, place))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        best_, place_, v_, k_ = arguments
        if best.whole_numbers:
            take = builder.icmp_signed(">", v_, best_)
        else:
            above = builder.fcmp_unordered(">", v_, best_)  # true of NaN, too
            take = builder.and_(above, builder.fcmp_ordered("ord", best_, best_))
        number = builder.trunc(k_, place.llvm.element) if place.dtype.bitwidth < 64 else k_
        here = everywhere(builder, place.llvm, number)
        kept = [builder.select(take, v_, best_), builder.select(take, here, place_)]
        return context.make_tuple(builder, both, kept)

    return both(best, place, v, types.intp), generate
