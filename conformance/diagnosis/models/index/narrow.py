"""A flat index into the padded image that is kept in 8 or 16 bits: what does not fit begins again at 0, or below it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np

from conformance.diagnosis.models.index.formula import WINDOWED
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import run
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_KINDS = ("uint8", "int8", "uint16", "int16")
_ONE_ROW = np.zeros((1, 1), int)  # tables that nobody reads
_COST = 1.3
_MEND = "keep the indices in int64, as `np.arange` makes them"


@lru_cache(maxsize=1024)
def _places(kind: str, whole: bool, spec: ConvSpec) -> Array:
    """(C, KH, KW, OH, OW) of what is read of the padded image (C, ..), flat, counted over `whole` images or planes.

    A negative index counts from the end, as in NumPy.
    """
    (kh, kw), (oh, ow), (ph, pw) = spec.kernel_size, spec.output_size, spec.padded_size
    (sh, sw), (dh, dw) = spec.stride, spec.dilation
    row = (np.arange(kh)[:, None] * dh + np.arange(oh) * sh)[:, None, :, None]
    column = (np.arange(kw)[:, None] * dw + np.arange(ow) * sw)[None, :, None, :]
    plane, base = row * pw + column, np.arange(spec.in_channels)[:, None, None, None, None] * (ph * pw)
    if whole:
        return _kept_in(kind, plane + base, spec.in_channels * ph * pw)
    return np.asarray(_kept_in(kind, plane, ph * pw) + base)


def _kept_in(kind: str, index: Array, size: int) -> Array:
    return np.asarray(index.astype(kind).astype(np.int64) % max(size, 1))


def _gather(kind: str, whole: bool, spec: ConvSpec, x: Array, rows: Array, columns: Array) -> Array:
    """(N, C, KH, KW, OH, OW)."""
    top, bottom, left, right = spec.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    pixels = spec.in_channels * spec.padded_size[0] * spec.padded_size[1]
    taken: Array = padded.reshape(spec.batch, pixels)[:, _places(kind, whole, spec)]
    return taken


def _scatter(kind: str, whole: bool, spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """(N, C, H, W)."""
    (n, c), (ph, pw), (top, _, left, _), (h, w) = columns6.shape[:2], spec.padded_size, spec.padding, spec.input_size
    at = _places(kind, whole, spec)
    places = np.arange(n)[:, None] * (c * ph * pw) + at.reshape(at.size)
    total = np.bincount(places.reshape(places.size), columns6.reshape(columns6.size), minlength=n * c * ph * pw)
    return np.ascontiguousarray(total.astype(float).reshape(n, c, ph, pw)[:, :, top : top + h, left : left + w])


def _gives(kind: str, whole: bool, given: Given) -> Array:
    return run(given, _ONE_ROW, _ONE_ROW, partial(_scatter, kind, whole), partial(_gather, kind, whole))


def _models() -> Iterator[Model]:
    for number, kind in enumerate(_KINDS):
        for whole, what in ((False, "a padded plane"), (True, "the padded image (C, H, W)")):
            says = f"keeps the flat index into {what} in {kind}, which ends at {np.iinfo(kind).max}"
            cost = _COST + number / 100 + whole / 1000
            yield Model(f"narrow/{kind} of {what}", says, _MEND, WINDOWED, partial(_gives, kind, whole), cost)


MODELS: tuple[Model, ...] = tuple(_models())
