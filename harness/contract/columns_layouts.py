"""Layouts of the columns found in the wild, each as a pair of conversions to and from the contract's `batched`.

Two layouts can hold the same numbers in the same shape and differ only in their order; every doctest here uses
x (2, 2, 3, 3) with kernel (2, 1), where no two layouts agree.

>>> import numpy as np
>>> spec = ConvSpec.of(batch=2, in_channels=2, input_size=3, out_channels=1, kernel_size=(2, 1))
>>> spec.columns_shape
(2, 4, 6)
>>> columns = np.arange(48).reshape(spec.columns_shape)    # entry = 24 * image + 6 * row + position
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec


@dataclass(frozen=True, slots=True)
class Layout:
    """One arrangement of the columns; `form` is its shape in the words of the contract."""

    form: str
    from_batched: Callable[[Array, ConvSpec], Array]
    to_batched: Callable[[Array, ConvSpec], Array]


def _same(columns: Array, spec: ConvSpec) -> Array:
    return columns


def _to_batch_innermost(columns: Array, spec: ConvSpec) -> Array:
    """CS231n: (C*KH*KW, L*N), the images of one position beside each other.

    >>> _to_batch_innermost(columns, spec)[1]
    array([ 6, 30,  7, 31,  8, 32,  9, 33, 10, 34, 11, 35])
    """
    n, rows, positions = spec.columns_shape
    return columns.transpose(1, 2, 0).reshape(rows, positions * n)


def _from_batch_innermost(a: Array, spec: ConvSpec) -> Array:
    """Inverse of `_to_batch_innermost`.

    >>> bool((_from_batch_innermost(_to_batch_innermost(columns, spec), spec) == columns).all())
    True
    """
    n, rows, positions = spec.columns_shape
    return np.ascontiguousarray(a.reshape(rows, positions, n).transpose(2, 0, 1))


def _to_matlab(columns: Array, spec: ConvSpec) -> Array:
    """Column-major patches, (N, C*KH*KW, L): kh runs fastest, then kw, then c; positions stay row-major.

    >>> wide = ConvSpec.of(batch=1, in_channels=1, input_size=3, out_channels=1, kernel_size=(2, 3))
    >>> _to_matlab(np.arange(12).reshape(wide.columns_shape), wide)[0, :, 0]    # (0,0) (1,0) (0,1) (1,1) ...
    array([ 0,  6,  2,  8,  4, 10])
    """
    (kh, kw), (n, rows, positions) = spec.kernel_size, spec.columns_shape
    patches = columns.reshape(n, spec.in_channels, kh, kw, positions)
    return patches.swapaxes(2, 3).reshape(n, rows, positions)


def _from_matlab(a: Array, spec: ConvSpec) -> Array:
    """Inverse of `_to_matlab`.

    >>> bool((_from_matlab(_to_matlab(columns, spec), spec) == columns).all())
    True
    """
    (kh, kw), (n, rows, positions) = spec.kernel_size, spec.columns_shape
    patches = a.reshape(n, spec.in_channels, kw, kh, positions)
    return np.ascontiguousarray(patches.swapaxes(2, 3).reshape(n, rows, positions))


COLUMNS_LAYOUTS = {
    "batched": Layout("(N, C*KH*KW, L)", _same, _same),
    "batch_innermost": Layout("(C*KH*KW, L*N)", _to_batch_innermost, _from_batch_innermost),
    "matlab": Layout("(N, C*KW*KH, L)", _to_matlab, _from_matlab),
}
