"""The six ops, right and compact: six loops over tables of indices, sums by matrix products.

A `Change` alters one thing on the way: the numbers that are read, a table, the inputs, the result, the dtype of sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from conformance.power.right.tables import Numbers, Tables, fit, made
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

Arrays = tuple[Array | None, ...]
Add = Callable[[Array, tuple[Array, ...], Array], None]  # an image, places of it, what comes to them


@dataclass(slots=True)
class Call:
    """One call: what was asked, how many came before it, and what the implementation remembers of those."""

    op: Op
    spec: ConvSpec
    arrays: Arrays
    number: int = 1  # of the calls of this implementation, from 1
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        """Of all arrays."""
        return str(next(a.dtype for a in self.arrays if a is not None))


@dataclass(frozen=True, slots=True)
class Change:
    """What is done otherwise, in words; one of the others says how. `scope` of numbers: both, sizes or indices."""

    what: str
    numbers: Callable[[Call, Numbers], Any] | None = None
    tables: Callable[[Call, Tables], Any] | None = None
    inputs: Callable[[Call], Arrays] | None = None
    result: Callable[[Call, Array], Any] | None = None
    sums: str = ""  # the dtype in which sums are formed
    add: Add | None = None  # how a tap is added to the image
    scope: str = "both"


NOTHING = Change("nothing")


def run(call: Call, change: Change = NOTHING) -> Any:
    """The result of the call, in the dtype of its arrays, C-contiguous and fresh, but for what `change` makes of it."""
    arrays = call.arrays if change.inputs is None else change.inputs(call)
    spec, dtype = call.spec, call.dtype
    sizes, indices = Numbers.of(spec), Numbers.of(spec)
    if change.numbers is not None:
        for numbers in {"both": (sizes, indices), "sizes": (sizes,), "indices": (indices,)}[change.scope]:
            change.numbers(call, numbers)
    tables = made(sizes, indices)
    if change.tables is not None:
        change.tables(call, tables)
    fit(tables, spec)
    wide = change.sums or ("float32" if dtype == "float16" else dtype)
    given = [None if a is None else a.astype(wide) for a in arrays]
    compute = _OPS[call.op] if change.add is None else partial(_SCATTERING[call.op], add=change.add)
    out = compute(tables, spec, *given).astype(dtype)
    return out if change.result is None else change.result(call, out)


def added(image: Array, at: tuple[Array, ...], columns: Array) -> None:
    """As it should be."""
    image[at] += columns


def _im2col(t: Tables, spec: ConvSpec, x: Array) -> Array:
    windows = _windows(t, x)
    columns = np.zeros([n + 1 for n in _opened(spec)], x.dtype)
    columns[_columns_at(t, t.image_out[: len(windows)])] = windows
    return _cut(columns).reshape(spec.columns_shape)


def _col2im(t: Tables, spec: ConvSpec, columns: Array, add: Add = added) -> Array:
    outside = np.zeros([n + 1 for n in _opened(spec)], columns.dtype)
    outside[tuple(slice(n) for n in _opened(spec))] = columns.reshape(_opened(spec))
    return _scattered(t, spec, outside[_columns_at(t, t.image)], add)


def _conv2d(t: Tables, spec: ConvSpec, x: Array, w: Array, b: Array | None) -> Array:
    # W (G, F/G, C/G*KH*KW) @ windows (N, G, C/G*KH*KW, L) -> (N, G, F/G, L)
    y = _weights(t, w) @ _by_group(t, _windows(t, x))
    if b is not None:
        y = y + _read(b, (t.bias,))[:, :, None]
    out = np.zeros([n + 1 for n in spec.y_shape], x.dtype)
    out[np.ix_(t.image_out[: len(y)], t.filter_out.reshape(t.filter_out.size), t.out_row, t.out_column)] = y.reshape(
        len(y), t.filter_out.size, len(t.out_row), len(t.out_column)
    )
    return _cut(out)


def _input_grad(t: Tables, spec: ConvSpec, dy: Array, w: Array, add: Add = added) -> Array:
    # W^T (G, C/G*KH*KW, F/G) @ dy (N, G, F/G, L) -> gradients of the columns
    columns = _weights(t, w).swapaxes(1, 2) @ _slopes(t, dy)
    shape = (len(columns), t.channel.size, len(t.kernel_row), len(t.kernel_column), len(t.out_row), len(t.out_column))
    return _scattered(t, spec, columns.reshape(shape), add)


def _weight_grad(t: Tables, spec: ConvSpec, dy: Array, x: Array) -> Array:
    # dy (N, G, F/G, L) @ windows^T (N, G, L, C/G*KH*KW), summed over the images
    terms = _slopes(t, dy) @ _by_group(t, _windows(t, x)).swapaxes(2, 3)
    groups, filters = t.filter.shape
    dw = terms.sum(axis=0, dtype=x.dtype).reshape(
        groups, filters, len(t.kernel_channel), len(t.kernel_row), len(t.kernel_column)
    )
    out = np.zeros([n + 1 for n in spec.w_shape], x.dtype)
    out[t.filter[:, :, None, None, None], t.kernel_channel[:, None, None], t.kernel_row[:, None], t.kernel_column] = dw
    return _cut(out)


def _bias_grad(t: Tables, spec: ConvSpec, dy: Array) -> Array:
    out = np.zeros(spec.out_channels + 1, dy.dtype)
    out[t.bias] = _slopes(t, dy).sum(axis=(0, 3), dtype=dy.dtype)
    return _cut(out)


_OPS: dict[Op, Callable[..., Array]] = {
    "im2col": _im2col, "col2im": _col2im, "conv2d": _conv2d, "conv2d_input_grad": _input_grad,
    "conv2d_weight_grad": _weight_grad, "conv2d_bias_grad": _bias_grad,
}  # fmt: skip
_SCATTERING: dict[Op, Callable[..., Array]] = {"col2im": _col2im, "conv2d_input_grad": _input_grad}


def _read(a: Array, at: tuple[Array, ...]) -> Array:
    """`a` at tables of indices; 0 outside."""
    outside = np.zeros([n + 1 for n in a.shape], a.dtype)
    outside[tuple(slice(n) for n in a.shape)] = a
    return outside[at]


def _windows(t: Tables, x: Array) -> Array:
    """(N, C, KH, KW, OH, OW): the pixel under every tap of every window."""
    flat = t.channel.reshape(t.channel.size)
    at = (t.image[:, None, None, None, None, None], flat[:, None, None, None, None], t.row[:, None, :, None])
    return _read(x, (*at, t.column[None, :, None, :]))


def _weights(t: Tables, w: Array) -> Array:
    """(G, F/G, C/G*KH*KW)."""
    read = _read(
        w, (t.filter[:, :, None, None, None], t.kernel_channel[:, None, None], t.kernel_row[:, None], t.kernel_column)
    )
    return read.reshape(*t.filter.shape, len(t.kernel_channel) * len(t.kernel_row) * len(t.kernel_column))


def _slopes(t: Tables, dy: Array) -> Array:
    """(N, G, F/G, L)."""
    at = (t.image[:, None, None, None, None], t.filter_out[:, :, None, None], t.out_row[:, None], t.out_column)
    return _read(dy, at).reshape(len(t.image), *t.filter_out.shape, len(t.out_row) * len(t.out_column))


def _by_group(t: Tables, windows: Array) -> Array:
    """(N, C, KH, KW, OH, OW) -> (N, G, C/G*KH*KW, L)."""
    n, _, kh, kw, oh, ow = windows.shape
    groups, channels = t.channel.shape
    return windows.reshape(n, groups, channels * kh * kw, oh * ow)


def _scattered(t: Tables, spec: ConvSpec, columns: Array, add: Add) -> Array:
    """(N, C, KH, KW, OH, OW) -> (N, C, H, W): every column added where it came from, tap by tap."""
    out = np.zeros([n + 1 for n in spec.x_shape], columns.dtype)
    image, channel = t.image_out[: len(columns)], t.channel.reshape(t.channel.size)
    for u, row in enumerate(t.row):
        for v, column in enumerate(t.column):
            add(out, np.ix_(image, channel, row, column), columns[:, :, u, v])
    return _cut(out)


def _columns_at(t: Tables, image: Array) -> tuple[Array, ...]:
    """The places of columns in (N, C, KH, KW, OH, OW)."""
    flat = t.column_channel.reshape(t.column_channel.size)
    return np.ix_(image, flat, t.kernel_row, t.kernel_column, t.out_row, t.out_column)


def _opened(spec: ConvSpec) -> tuple[int, ...]:
    return (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)


def _cut(a: Array) -> Array:
    """Without the places outside, in memory of its own."""
    return np.ascontiguousarray(a[tuple(slice(-1) for _ in a.shape)]).copy()
