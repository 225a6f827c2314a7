"""What retold faults have in common: axes in another order, edges handled otherwise, one argument read its own way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from conformance.power.right.ops import Arrays, Call, Change
from conformance.power.right.tables import Numbers, Tables, along
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

CONVOLUTIONS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
Make = Callable[[Array], Array]


def pads(make: Callable[..., tuple[int, ...]]) -> Callable[[Call, Numbers], None]:
    """Other paddings, made of (top, bottom, left, right)."""

    def altered(call: Call, n: Numbers) -> None:
        n.pad_top, n.pad_bottom, n.pad_left, n.pad_right = make(n.pad_top, n.pad_bottom, n.pad_left, n.pad_right)

    return altered


def _opened(spec: ConvSpec) -> tuple[int, ...]:
    return (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)


def _in_order(a: Array, order: Sequence[int]) -> Array:
    """Its elements in memory as if its axes were in another order, in its own shape."""
    return np.ascontiguousarray(a.transpose(order)).reshape(a.shape)


def _from_order(a: Array, order: Sequence[int]) -> Array:
    """The inverse: memory in another order of axes, read."""
    there = [a.shape[axis] for axis in order]
    return a.reshape(there).transpose(np.argsort(order))


def written_as(what: str, order: Sequence[int]) -> Change:
    """Columns, whose six axes are in another order."""
    return Change(what, result=lambda call, out: _in_order(out.reshape(_opened(call.spec)), order).reshape(out.shape))


def read_as(what: str, order: Sequence[int]) -> Change:
    """The same of columns that are given."""

    def altered(call: Call) -> Arrays:
        columns = call.arrays[0]
        assert columns is not None
        opened = np.ascontiguousarray(columns).reshape(_opened(call.spec))
        return (_from_order(opened, order).reshape(columns.shape),)

    return Change(what, inputs=altered)


def arranged(what: str, order: Sequence[int]) -> Change:
    """A result of four axes, in another order."""
    return Change(what, result=lambda call, out: _in_order(out, order))


def own_way(what: str, number: int, make: Make) -> Change:
    """One argument is read otherwise, where it is there."""

    def altered(call: Call) -> Arrays:
        return tuple(
            a if a is None or i != number else make(np.ascontiguousarray(a)) for i, a in enumerate(call.arrays)
        )

    return Change(what, inputs=altered)


def taps_by(what: str, rows: bool, columns: bool) -> Change:
    """Taps of the kernel from the end, by rows, by columns or both."""

    def altered(call: Call, t: Tables) -> None:
        t.kernel_row = t.kernel_row[::-1].copy() if rows else t.kernel_row
        t.kernel_column = t.kernel_column[::-1].copy() if columns else t.kernel_column

    return Change(what, tables=altered)


def filters_by(what: str, name: str, make: Make) -> Change:
    """A table of (groups, within a group) altered."""

    def altered(call: Call, t: Tables) -> None:
        setattr(t, name, np.ascontiguousarray(make(getattr(t, name))))

    return Change(what, tables=altered)


def rows_and_columns(t: Tables, row: Make | None = None, column: Make | None = None) -> None:
    """The tables of pixels altered, in place."""
    t.row = t.row if row is None else row(t.row)
    t.column = t.column if column is None else column(t.column)


def _edge(make: Callable[[Array, int], Array]) -> Callable[[Call, Tables], None]:
    """Pixels made of those counted without bounds, and the size of the axis."""

    def altered(call: Call, t: Tables) -> None:
        s = call.spec
        (kh, kw), (oh, ow), (h, w) = s.kernel_size, s.output_size, s.input_size
        t.row = make(along(kh, oh, s.dilation[0], s.stride[0], s.padding[0]), h)
        t.column = make(along(kw, ow, s.dilation[1], s.stride[1], s.padding[2]), w)

    return altered


def _other_bound(bound: Callable[[ConvSpec], tuple[int, int]]) -> Callable[[Call, Tables], None]:
    """Pixels at or beyond a bound that is not the image's count as padding."""

    def altered(call: Call, t: Tables) -> None:
        rows, columns = bound(call.spec)
        t.row, t.column = np.where(t.row < rows, t.row, -1), np.where(t.column < columns, t.column, -1)

    return altered


EDGES: dict[str, Callable[[Call, Tables], None]] = {
    "no lower bound: padding before wraps around": _edge(
        lambda at, size: np.where((at < 0) & (at >= -size), at + size, at)
    ),
    "the padding is circular": _edge(lambda at, size: at % size),
    "the padding repeats the edge": _edge(lambda at, size: at.clip(0, size - 1)),
    "the padding mirrors the image": _edge(lambda at, size: (size - 1 - abs(size - 1 - abs(at))).clip(0, size - 1)),
    "the padding is scattered to and read from pixel 0": _edge(
        lambda at, size: np.where((at < 0) | (at >= size), 0, at)
    ),
    "columns are bounded by the height": _other_bound(lambda s: (s.input_size[0], s.input_size[0])),
    "rows are bounded by the width": _other_bound(lambda s: (s.input_size[1], s.input_size[1])),
    "pixels are bounded by the kernel": _other_bound(lambda s: s.kernel_size),
    "pixels are bounded by the result": _other_bound(lambda s: s.output_size),
    "the last row and column of the image are padding": _other_bound(
        lambda s: (s.input_size[0] - 1, s.input_size[1] - 1)
    ),
    "pixel 0 is padding": _edge(lambda at, size: np.where(at > 0, at, -1)),
}  # fmt: skip
