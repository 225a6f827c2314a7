"""Every index of every loop altered: the first, the last, the rest of blocks, all by one, backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from conformance.power.right.ops import Call, Change
from conformance.power.right.tables import Tables
from harness.contract.protocol import Array
from harness.geometry.spec import Op

Alter = Callable[[Array], Array]  # of a table, along its last axis

_KERNEL = ("kernel_row", "kernel_column")
_PIXEL = ("row", "column")
_OUT = ("out_row", "out_column")
_USED: dict[Op, tuple[str, ...]] = {
    "im2col": ("image", "image_out", "channel", "column_channel", *_KERNEL, *_PIXEL, *_OUT),
    "col2im": ("image", "image_out", "channel", "column_channel", *_KERNEL, *_PIXEL, *_OUT),
    "conv2d": ("image", "image_out", "channel", "kernel_channel", "filter", "filter_out", "bias", *_KERNEL, *_PIXEL,
               *_OUT),
    "conv2d_input_grad": ("image", "image_out", "channel", "kernel_channel", "filter", "filter_out", *_KERNEL, *_PIXEL,
                          *_OUT),
    "conv2d_weight_grad": ("image", "channel", "kernel_channel", "filter", "filter_out", *_KERNEL, *_PIXEL, *_OUT),
    "conv2d_bias_grad": ("image", "filter_out", "bias", *_OUT),
}  # fmt: skip
# The loops of the tables with two axes: which axis, and what it counts.
_LOOPS = {
    **dict.fromkeys(
        ("channel", "column_channel", "filter", "filter_out", "bias"), ((0, " by group"), (1, " within the group"))
    ),
    **dict.fromkeys(_PIXEL, ((0, " by tap"), (1, " by position"))),
}  # fmt: skip


def _skips(*index: int) -> Alter:
    def alter(table: Array) -> Array:
        for i in index:
            if -table.shape[-1] <= i < table.shape[-1]:
                table[..., i] = -1
        return table

    return alter


def _neighbour(table: Array) -> Array:
    table[..., -1:] = table[..., -2:-1] if table.shape[-1] > 1 else -1
    return table


def _swapped(table: Array) -> Array:
    table[..., -2:] = table[..., -2:][..., ::-1].copy()
    return table


def _tail(block: int) -> Alter:
    """What a loop over whole blocks leaves over is not done."""

    def alter(table: Array) -> Array:
        size = table.shape[-1]
        if size > block:
            table[..., size // block * block :] = -1
        return table

    return alter


def _beyond(limit: int) -> Alter:
    """A buffer of so many is used round and round."""

    def alter(table: Array) -> Array:
        return table[..., np.arange(table.shape[-1]) % limit]

    return alter


WAYS: dict[str, Alter] = {
    "misses the first": _skips(0), "misses the last": _skips(-1), "misses the second": _skips(1),
    "has the last but one for the last": _neighbour, "is one too far": lambda t: np.where(t >= 0, t + 1, -1),
    "is one too near": lambda t: np.where(t > 0, t - 1, -1), "goes backwards": lambda t: t[..., ::-1].copy(),
    "has the first for all": lambda t: np.repeat(t[..., :1], t.shape[-1], axis=-1),
    "is doubled": lambda t: np.where(t >= 0, 2 * t, -1), "has the last two swapped": _swapped,
}  # fmt: skip
TAILS: dict[str, Alter] = {
    **{f"misses the rest of blocks of {block}": _tail(block) for block in (2, 4, 8, 16)},
    **{f"starts again after {limit}": _beyond(limit) for limit in (4, 8, 16, 32)},
}


def changes(op: Op) -> Iterator[Change]:
    """Every loop of one op in every way."""
    yield from _all(op, WAYS)


def tails(op: Op) -> Iterator[Change]:
    """What goes wrong beyond or beside whole blocks."""
    yield from _all(op, TAILS)


def _all(op: Op, ways: dict[str, Alter]) -> Iterator[Change]:
    for name in _USED[op]:
        for axis, where in _LOOPS.get(name, ((0, ""),)):
            for what, alter in ways.items():
                yield Change(f"{name}{where} {what}", tables=_altering(name, axis, alter))


def _altering(name: str, axis: int, alter: Alter) -> Callable[[Call, Tables], None]:
    def altered(call: Call, tables: Tables) -> None:
        table = np.moveaxis(getattr(tables, name).copy(), axis, -1)
        if table.shape[-1]:
            setattr(tables, name, np.ascontiguousarray(np.moveaxis(alter(table), -1, axis)))

    return altered
