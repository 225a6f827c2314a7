"""Winograd's F(2x2, 3x3) in one direction: what the three transforms are made of.

    y = A' [(G g) * (B' d)]      2 results from 4 pixels d and 3 taps g, by 4 products instead of 6

         1  0 -1  0              1    0    0
    B' = 0  1  1  0         G = 1/2  1/2  1/2        A' = 1  1  1  0
         0 -1  1  0             1/2 -1/2  1/2             0  1 -1 -1
         0  1  0 -1              0    0    1

Applied to the columns and then to the rows of a tile, that is 16 products for 4 pixels instead of 36. B and A hold only
0, 1 and -1; G has halves too, so whole numbers stay exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from backends.numba_tiled.simd.emit import Value

FREQUENCIES, TAPS = 16, 9


def of_image(builder: Any, d: list[Value]) -> list[Value]:
    """B' d, in one direction."""
    return [
        builder.fsub(d[0], d[2]), builder.fadd(d[1], d[2]), builder.fsub(d[2], d[1]), builder.fsub(d[1], d[3]),
    ]  # fmt: skip


def of_kernel(builder: Any, g: list[Value]) -> list[Value]:
    """G g, in one direction."""
    half = ir.Constant(g[0].type, [0.5] * g[0].type.count)
    ends, middle = builder.fmul(builder.fadd(g[0], g[2]), half), builder.fmul(g[1], half)
    return [g[0], builder.fadd(ends, middle), builder.fsub(ends, middle), g[2]]


def of_sums(builder: Any, m: list[Value]) -> list[Value]:
    """A' m, in one direction."""
    return [
        builder.fadd(builder.fadd(m[0], m[1]), m[2]), builder.fsub(builder.fsub(m[1], m[2]), m[3]),
    ]  # fmt: skip


def both_ways(
    builder: Any, transform: Callable[[Any, list[Value]], list[Value]], matrix: list[list[Value]]
) -> list[list[Value]]:
    """The transform of the columns, then of the rows, of rows of vectors."""
    columns = [transform(builder, list(column)) for column in zip(*matrix, strict=True)]
    return [transform(builder, list(row)) for row in zip(*columns, strict=True)]
