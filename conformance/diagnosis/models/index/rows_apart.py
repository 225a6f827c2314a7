"""The number of a row of the columns, r = (c * KH + u) * KW + v, taken apart wrongly, as in Caffe's loop over rows.

What is then read depends on the channel, too: r // KW has the channel in it, and the remainder is there to take it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import numpy as np

from conformance.diagnosis.models.index.formula import WINDOWED
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import run
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_Apart = Callable[[Array, int, int], tuple[Array, Array]]  # (r, KH, KW) -> row and column of the kernel
_ONE_ROW = np.zeros((1, 1), int)  # tables that nobody reads
_COST = 1.2
_MEND = "u = (r // KW) % KH is the kernel row, v = r % KW the kernel column"

_WAYS: tuple[tuple[str, str, _Apart], ...] = (
    ("row by KW", "takes the kernel row as (r // KW) % KW", lambda r, kh, kw: (r // kw % kw, r % kw)),
    ("row over KH", "takes the kernel row as (r // KH) % KH", lambda r, kh, kw: (r // kh % kh, r % kw)),
    ("row over KH, by KW", "takes the kernel row as (r // KH) % KW", lambda r, kh, kw: (r // kh % kw, r % kw)),
    ("column by KH", "takes the kernel column as r % KH", lambda r, kh, kw: (r // kw % kh, r % kh)),
    ("row by KW, column by KH", "takes the kernel row as (r // KW) % KW and the column as r % KH",
     lambda r, kh, kw: (r // kw % kw, r % kh)),
    ("KH and KW exchanged", "exchanges KH and KW: the kernel row as (r // KH) % KW and the column as r % KH",
     lambda r, kh, kw: (r // kh % kw, r % kh)),
    ("KH for KW", "takes KH for KW: the kernel row as (r // KH) % KH and the column as r % KH",
     lambda r, kh, kw: (r // kh % kh, r % kh)),
    ("no remainder", "takes the kernel row as r // KW, with the channel still in it",
     lambda r, kh, kw: (r // kw, r % kw)),
    ("row and column exchanged", "exchanges quotient and remainder: the kernel row as r % KH, the column as "
     "(r // KH) % KW", lambda r, kh, kw: (r % kh, r // kh % kw)),
)  # fmt: skip


@lru_cache(maxsize=2048)
def _places(apart: _Apart, spec: ConvSpec) -> Array:
    """(C, KH, KW, OH, OW) of row * W + column; H * W is outside."""
    (kh, kw), (h, w), (oh, ow) = spec.kernel_size, spec.input_size, spec.output_size
    (sh, sw), (dh, dw), (top, _, left, _) = spec.stride, spec.dilation, spec.padding
    u, v = apart(np.arange(spec.in_channels * kh * kw).reshape(spec.in_channels, kh, kw), kh, kw)
    row = (u[..., None] * dh + np.arange(oh) * sh - top)[..., :, None]
    column = (v[..., None] * dw + np.arange(ow) * sw - left)[..., None, :]
    outside = (row < 0) | (row >= h) | (column < 0) | (column >= w)
    return np.where(outside, h * w, row * w + column)


def _gather(apart: _Apart, spec: ConvSpec, x: Array, rows: Array, columns: Array) -> Array:
    """(N, C, KH, KW, OH, OW)."""
    h, w = spec.input_size
    framed = np.zeros((*x.shape[:2], h * w + 1))
    framed[:, :, : h * w] = x.reshape(*x.shape[:2], h * w)
    channels = np.arange(spec.in_channels)[:, None, None, None, None]
    taken: Array = framed[:, channels, _places(apart, spec)]
    return taken


def _scatter(apart: _Apart, spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """(N, C, H, W)."""
    (n, c), (h, w) = columns6.shape[:2], spec.input_size
    pixels = h * w + 1
    at = _places(apart, spec).reshape(c, -1) + np.arange(c)[:, None] * pixels
    places = np.arange(n)[:, None] * (c * pixels) + at.reshape(at.size)
    total = np.bincount(places.reshape(places.size), columns6.reshape(columns6.size), minlength=n * c * pixels)
    return np.ascontiguousarray(total.astype(float).reshape(n, c, pixels)[:, :, : h * w].reshape(n, c, h, w))


def _gives(apart: _Apart, given: Given) -> Array:
    return run(given, _ONE_ROW, _ONE_ROW, partial(_scatter, apart), partial(_gather, apart))


def _models() -> Iterator[Model]:
    for number, (key, says, apart) in enumerate(_WAYS):
        told = f"{says} of the number r of a row of the columns"
        yield Model(f"rows apart/{key}", told, _MEND, WINDOWED, partial(_gives, apart), _COST + number / 1000)


MODELS: tuple[Model, ...] = tuple(_models())
