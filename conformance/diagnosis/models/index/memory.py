"""Bounds that let through what lies outside: it is read from flat memory, as in C, in the next row or channel.

Behind the last image zeros are read: what is there, nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import Axis, axes, run, unbounded
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

_READING: tuple[Op, ...] = ("im2col", "conv2d", "conv2d_weight_grad")  # those that read an image
_Bounds = Callable[[Axis, Axis], tuple[int, int]]  # that the row and the column are tested against
_FROM_MEMORY = "what lies beyond the row is read from the next"

_WAYS: tuple[tuple[str, str, _Bounds, str], ...] = (
    ("column against H", f"tests the column against H: zeros beyond it if W > H; if W < H, {_FROM_MEMORY}",
     lambda high, wide: (high.size, high.size), "im2col-width-bound-uses-height"),
    ("row against W", "tests the row against W: zeros beyond it if H > W; if H < W, what lies beyond the last row is "
     "read from the next channel", lambda high, wide: (wide.size, wide.size), "im2col-width-bound-uses-height"),
    ("bounds exchanged", f"tests rows against W and columns against H: zeros beyond, or {_FROM_MEMORY}",
     lambda high, wide: (wide.size, high.size), "im2col-width-bound-uses-height"),
    ("kernel", f"tests rows against KH and columns against KW: zeros beyond; where the kernel is larger than the "
     f"image, {_FROM_MEMORY}", lambda high, wide: (high.kernel, wide.kernel), "im2col-bound-uses-kernel-dims"),
    ("output", f"tests rows against OH and columns against OW: zeros beyond; where the output is larger than the "
     f"image, {_FROM_MEMORY}", lambda high, wide: (high.output, wide.output), ""),
)  # fmt: skip


def _gather(bounds: _Bounds, spec: ConvSpec, x: Array, rows: Array, columns: Array) -> Array:
    """(N, C, KH, KW, OH, OW)."""
    high, wide = axes(spec)
    i, j = unbounded(high)[:, None, :, None], unbounded(wide)[None, :, None, :]
    most = bounds(high, wide)
    inside = (i >= 0) & (i < most[0]) & (j >= 0) & (j < most[1])
    planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], 1, 1, 1, 1) * (high.size * wide.size)
    at = np.where(inside, planes + i * wide.size + j, x.size)
    taken: Array = np.append(x, 0.0)[np.minimum(at, x.size)]
    return taken


def _gives(bounds: _Bounds, given: Given) -> Array:
    return run(given, unfold=partial(_gather, bounds))


def _models() -> Iterator[Model]:
    for number, (key, says, bounds, seen) in enumerate(_WAYS):
        yield Model(
            f"memory/{key}", says, "test the row against H and the column against W: `0 <= row < H and 0 <= column < "
            "W`", _READING, partial(_gives, bounds), 1.2 + number / 1000, seen,
        )  # fmt: skip


MODELS: tuple[Model, ...] = tuple(_models())
