"""Layouts of the columns found in the wild, each as a pair of conversions to and from the contract's `batched`.

Two layouts can hold the same numbers in the same shape and differ only in their order; every doctest here uses
x (2, 2, 3, 3) with kernel (2, 1), where no two layouts agree but `batched` and `matlab`: those differ only where the
kernel has more than one row and more than one column.

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
from harness.geometry.spec import ConvSpec, Shape
from harness.telling import did_you_mean


@dataclass(frozen=True, slots=True)
class Layout:
    """One arrangement of the columns; `form` is its shape in the words of the contract, `who` has it."""

    form: str
    who: str
    shape: Callable[[ConvSpec], Shape]
    from_batched: Callable[[Array, ConvSpec], Array]
    to_batched: Callable[[Array, ConvSpec], Array]


class LayoutError(ValueError):
    """A layout that is not known, or an array that does not have its shape."""


def convert(columns: Array, spec: ConvSpec, have: str, want: str) -> Array:
    """The same columns in another layout: an array of the shape of `have` gives one of the shape of `want`.

    >>> convert(columns, spec, "batched", "rows")[0, 1].tolist()    # position 1: one number of every row
    [1, 7, 13, 19]
    >>> matrix = convert(columns, spec, "batched", "matrix")
    >>> bool((convert(matrix, spec, "matrix", "batched") == columns).all())
    True

    Raises `LayoutError` for a name that is no layout, and for an array that does not have the shape of `have`.
    """
    start, end = layout_named(have), layout_named(want)
    require_shape(columns, spec, have)
    return end.from_batched(start.to_batched(columns, spec), spec)


def recognise(matrix: Array, x: Array, spec: ConvSpec) -> list[str]:
    """The layouts that `matrix` is in, if it is the columns of `x` (N, C, H, W): all that fit, none if it is wrong.

    Give every pixel another number, none of them 0. Several layouts may fit even then: those of one image agree up to
    the axis of images, which may be left out there, and a kernel of one column has the same patches in both orders.

    >>> x = np.arange(1, 37).reshape(spec.x_shape)
    >>> told_apart = [[1, 19, 2, 20, 3, 21, 4, 22, 5, 23, 6, 24]]    # row 0: the images of a position side by side
    >>> recognise(np.concatenate([np.add(told_apart, k) for k in (0, 3, 9, 12)]), x, spec)
    ['batch_innermost']

    Raises `LayoutError` if x does not have the shape of the spec.
    """
    if x.shape != spec.x_shape:
        raise LayoutError(f"x of this spec has shape {spec.x_shape}, got {x.shape}")
    columns = _columns_of(x, spec)
    return [name for name, layout in COLUMNS_LAYOUTS.items() if _fits(matrix, layout, columns, spec)]


def layout_named(name: str) -> Layout:
    """The layout of a name. Raises `LayoutError` naming those that are known."""
    if name not in COLUMNS_LAYOUTS:
        hint = did_you_mean(name, COLUMNS_LAYOUTS)
        raise LayoutError(f"columns layout must be one of {', '.join(COLUMNS_LAYOUTS)}, got {name!r}{hint}")
    return COLUMNS_LAYOUTS[name]


def require_shape(columns: Array, spec: ConvSpec, name: str) -> None:
    """Refuse columns that do not have the shape of a layout: a reshape would take any of the same size.

    Raises `LayoutError` with both shapes.
    """
    layout = layout_named(name)
    if columns.shape != layout.shape(spec):
        raise LayoutError(
            f"columns in layout {name!r} have shape {layout.form} = {layout.shape(spec)}, got {columns.shape}"
        )


def _columns_of(x: Array, spec: ConvSpec) -> Array:
    """(N, C, H, W) -> (N, C*KH*KW, L), one window after the other."""
    (top, bottom, left, right), (oh, ow) = spec.padding, spec.output_size
    (sh, sw), (dh, dw), (rh, rw) = spec.stride, spec.dilation, spec.reach
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    columns = np.empty(spec.columns_shape, x.dtype)
    for p in range(oh):
        for q in range(ow):
            window = padded[:, :, p * sh : p * sh + rh : dh, q * sw : q * sw + rw : dw]
            columns[:, :, p * ow + q] = window.reshape(spec.columns_shape[:2])
    return columns


def _fits(matrix: Array, layout: Layout, columns: Array, spec: ConvSpec) -> bool:
    """Whether the matrix is those columns; of one image also without the axis of images."""
    wanted = layout.from_batched(columns, spec)
    if spec.batch == 1 and wanted.ndim == 3 and matrix.ndim == 2:
        wanted = wanted[0]
    return bool(matrix.shape == wanted.shape and np.array_equal(matrix, wanted))


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


def _to_matrix(columns: Array, spec: ConvSpec) -> Array:
    """CNNumpy: (C*KH*KW, N*L), one image after the other along every row.

    >>> _to_matrix(columns, spec)[1]
    array([ 6,  7,  8,  9, 10, 11, 30, 31, 32, 33, 34, 35])
    """
    n, rows, positions = spec.columns_shape
    return columns.swapaxes(0, 1).reshape(rows, n * positions)


def _from_matrix(a: Array, spec: ConvSpec) -> Array:
    """Inverse of `_to_matrix`.

    >>> bool((_from_matrix(_to_matrix(columns, spec), spec) == columns).all())
    True
    """
    n, rows, positions = spec.columns_shape
    return np.ascontiguousarray(a.reshape(rows, n, positions).swapaxes(0, 1))


def _turned(columns: Array, spec: ConvSpec) -> Array:
    """(N, L, C*KH*KW): every window is a row. Its own inverse.

    >>> _turned(columns, spec)[1, 2]
    array([26, 32, 38, 44])
    >>> bool((_turned(_turned(columns, spec), spec) == columns).all())
    True
    """
    return np.ascontiguousarray(columns.swapaxes(1, 2))


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


def _by_image(spec: ConvSpec) -> Shape:
    return spec.columns_shape


def _flat(spec: ConvSpec) -> Shape:
    n, rows, positions = spec.columns_shape
    return rows, n * positions


def _upright(spec: ConvSpec) -> Shape:
    n, rows, positions = spec.columns_shape
    return n, positions, rows


COLUMNS_LAYOUTS = {
    "batched": Layout("(N, C*KH*KW, L)", "torch's Unfold, ONNX's Col2Im, this harness", _by_image, _same, _same),
    "matrix": Layout("(C*KH*KW, N*L)", "CNNumpy; papers", _flat, _to_matrix, _from_matrix),
    "batch_innermost": Layout(
        "(C*KH*KW, L*N)", "CS231n, ML-From-Scratch", _flat, _to_batch_innermost, _from_batch_innermost
    ),
    "rows": Layout("(N, L, C*KH*KW)", "L. Araujo dos Santos' book, in Python", _upright, _turned, _turned),
    "matlab": Layout("(N, C*KW*KH, L)", "the same book in MATLAB", _by_image, _to_matlab, _from_matlab),
}
